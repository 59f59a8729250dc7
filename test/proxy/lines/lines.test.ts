import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keepLines, type Line, type LineHandler } from '../../../proxy/lines/lines.js';
import {
  OpenError,
  type OpenTrouble,
  type PortEvents,
  type PortInfo,
  type Ports,
} from '../../../proxy/lines/ports.js';
import { lineSettings } from '../../../proxy/lines/settings.js';
import { TestClock } from '../talk.js';

// What a pseudo-terminal can't show, at the seam to the machine's ports: USB identities, permissions, a hub.

class Machine implements Ports {
  readonly plugged = new Map<string, PortInfo>();
  readonly open_ = new Map<string, PortEvents>();
  readonly written: string[] = [];
  trouble: OpenTrouble | null = null;
  isListed = true;
  unread = 0;

  plug(path: string, serialNumber = '1', vendorId = '10c4', productId = 'ea60'): void {
    this.plugged.set(path, { path, vendorId, productId, serialNumber, manufacturer: null });
  }
  pull(path: string): void {
    this.plugged.delete(path);
    const events = this.open_.get(path);
    this.open_.delete(path);
    events?.lost();
  }
  async list(): Promise<PortInfo[]> {
    if (!this.isListed) throw new Error('spawn udevadm ENOENT');
    return [...this.plugged.values()];
  }
  async open(path: string, _settings: unknown, events: PortEvents) {
    if (this.trouble !== null) throw new OpenError(this.trouble, `it is ${this.trouble}`);
    if (!this.plugged.has(path)) throw new OpenError('absent', 'there is no such file');
    if (this.open_.has(path)) throw new OpenError('busy', 'another process has it');
    this.open_.set(path, events);
    return {
      unwrittenBytes: this.unread,
      pause: () => {},
      resume: () => {},
      drained: async () => {},
      setRts: (on: boolean) => void this.written.push(`${path} RTS ${on ? 'on' : 'off'}`),
      write: (bytes: Uint8Array) => void this.written.push(`${path} ${Buffer.from(bytes)}`),
      close: async () => void this.open_.delete(path),
    };
  }
}

async function keep(machine: Machine, ...entries: Record<string, unknown>[]) {
  const clock = new TestClock();
  const said: string[] = [];
  const open = new Map<string, Line>();
  const heard: string[] = [];
  const lines = await keepLines({
    settings: entries.map((entry) => lineSettings.parse(entry)),
    ports: machine,
    clock,
    log: {
      debug: () => {},
      info: (_fields, text) => void said.push(text),
      warn: () => {},
      error: () => {},
    },
    outcomes: {
      count: (kind, detail) => void said.push(`${kind} ${detail?.path ?? detail?.why}`),
      counts: () => new Map(),
    },
    opened(line): LineHandler {
      open.set(line.path, line);
      return {
        received: (bytes) => void heard.push(`${line.path} ${Buffer.from(bytes)}`),
        closed: () => void open.delete(line.path),
      };
    },
  });
  /** A second passes, and what it began comes to its end. */
  const look = async () => {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const news = () => said.splice(0);
  return { clock, lines, open, heard, look, news };
}

const byUsb = { usb: { vendorId: '10C4', serialNumber: 'A7' } };

test('a line is opened when it appears, said once, and carries bytes both ways', async () => {
  const machine = new Machine();
  const { lines, open, heard, look, news } = await keep(machine, { path: '/dev/ttyUSB0' });
  assert.equal(news(), ['line /dev/ttyUSB0: there is no such file; opened when it appears']);
  await look();
  assert.equal(news(), []);
  machine.plug('/dev/ttyUSB0');
  await look();
  assert.equal(news(), ['line /dev/ttyUSB0: opened']);
  machine.open_.get('/dev/ttyUSB0')?.data(Buffer.from('in'));
  assert.ok(open.get('/dev/ttyUSB0')?.write(Buffer.from('out')));
  assert.equal([heard, machine.written], [['/dev/ttyUSB0 in'], ['/dev/ttyUSB0 out']]);
  await lines.close();
  assert.equal([machine.open_.size, open.size], [0, 0]);
});

test('an adapter that comes back under another name is the same line', async () => {
  const machine = new Machine();
  machine.plug('/dev/ttyUSB0', 'A7');
  machine.plug('/dev/ttyUSB1', 'B8');
  const { lines, open, look, news } = await keep(machine, byUsb);
  assert.equal([...open.keys()], ['/dev/ttyUSB0']);
  news();
  machine.pull('/dev/ttyUSB0');
  assert.equal([news(), open.size], [['line-lost /dev/ttyUSB0'], 0]);
  machine.plug('/dev/ttyUSB5', 'A7');
  await look();
  assert.equal([news(), [...open.keys()]], [['line /dev/ttyUSB5: opened'], ['/dev/ttyUSB5']]);
  assert.equal([...lines.states()], [['/dev/ttyUSB5', 'open']]);
  await lines.close();
});

test('a hub that resets eight lines at once: each is lost once and taken up again', async () => {
  const machine = new Machine();
  const paths = Array.from({ length: 8 }, (_, at) => `/dev/ttyUSB${at}`);
  for (const path of paths) machine.plug(path, path);
  const { lines, open, look, news } = await keep(machine, { usb: { vendorId: '10c4' } });
  assert.is(open.size, 8);
  news();
  for (const path of paths) machine.pull(path);
  assert.equal(news().sort(), paths.map((path) => `line-lost ${path}`).sort());
  for (const path of [...paths].reverse()) machine.plug(path, path);
  await look();
  assert.equal([open.size, news().length], [8, 8]);
  await lines.close();
});

for (const trouble of ['denied', 'busy', 'unfit'] as const) {
  test(`a line that is ${trouble} is one outcome, and is opened when that has passed`, async () => {
    const machine = new Machine();
    machine.plug('/dev/ttyS0');
    machine.trouble = trouble;
    const { lines, look, news } = await keep(machine, { path: '/dev/ttyS0' });
    await look();
    assert.equal(news(), [`line-${trouble} /dev/ttyS0`]);
    assert.equal([...lines.states()], [['/dev/ttyS0', trouble]]);
    machine.trouble = null;
    await look();
    assert.equal(news(), ['line /dev/ttyS0: opened']);
    await lines.close();
  });
}

test('where the machine can not list its ports, rules find nothing, and paths are opened all the same', async () => {
  const machine = new Machine();
  machine.plug('/dev/ttyS0');
  machine.isListed = false;
  const { lines, open, look, news } = await keep(machine, byUsb, { path: '/dev/ttyS0' });
  await look();
  const said = ['lines-not-listed spawn udevadm ENOENT', 'line /dev/ttyS0: opened'];
  assert.equal([news(), [...open.keys()]], [said, ['/dev/ttyS0']]);
  await lines.close();
});

test('a paused line is free, and stays so until it is resumed', async () => {
  const machine = new Machine();
  machine.plug('/dev/ttyS0');
  const { lines, open, look } = await keep(machine, { path: '/dev/ttyS0' });
  assert.ok(await lines.pause('/dev/ttyS0'));
  await look();
  assert.equal([open.size, machine.open_.size], [0, 0]);
  assert.equal([...lines.states()], [['/dev/ttyS0', 'paused']]);
  assert.ok(lines.resume('/dev/ttyS0'));
  await look();
  assert.equal([open.size, machine.open_.size], [1, 1]);
  assert.equal([await lines.pause('/dev/none'), lines.resume('/dev/none')], [false, false]);
  await lines.close();
});

test('a far end that does not read is not waited for', async () => {
  const machine = new Machine();
  machine.plug('/dev/ttyS0');
  machine.unread = 4_090;
  const { lines, open } = await keep(machine, { path: '/dev/ttyS0' });
  const line = open.get('/dev/ttyS0');
  assert.is(line?.write(new Uint8Array(6)), true);
  assert.is(line?.write(new Uint8Array(7)), false);
  assert.is(machine.written.length, 1);
  await lines.close();
});

test('RTS is on for as long as a poll is on the wire, whatever the adapter says to have sent', async () => {
  const machine = new Machine();
  machine.plug('/dev/ttyUSB0');
  const bus = { drops: [7], driverEnable: 'rts' };
  const { clock, lines } = await keep(machine, { path: '/dev/ttyUSB0', baudRate: 9_600, bus });
  assert.is(machine.written.length, 2);
  assert.is(machine.written[0], '/dev/ttyUSB0 RTS on');
  const bytes = machine.written[1]!.length - '/dev/ttyUSB0 '.length;
  assert.is(bytes, 16);
  clock.advance(16);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(machine.written.length, 2, '16 bytes take 16.7 ms');
  clock.advance(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(machine.written[2], '/dev/ttyUSB0 RTS off');
  await lines.close();
});

test.run();
