import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProducerOptions } from '../../sdk/options.js';
import { device } from './device.js';
import { farEnd } from './far-end.js';
import { wire } from './peer.js';

// What producer() checks, the one place where the SDK throws; and that what it lets pass works end to end.

const LINE = 'once; device 1-64 ASCII, buffer 64+';

function refuses(options: Partial<ProducerOptions>, what: string) {
  const { sdk, engine, link } = device();
  try {
    sdk.producer({ device: 'mote-1', link, ...options });
  } catch (error) {
    assert.is((error as Error).message, LINE);
    assert.is(engine.pending(), 0);
    assert.is(link.opened + link.closed, 0, 'nothing was begun');
    // A mistake that is mended is no second producer.
    sdk.producer({ device: 'mote-1', link });
    return;
  }
  assert.unreachable(what);
}

test('a name that is empty, too long, or not of printable ASCII', () => {
  for (const name of ['', 'x'.repeat(65), 'müll', '水', 'a\n', '\n', 'a\0', 'a\x7f', '\u{1f600}']) {
    refuses({ device: name }, JSON.stringify(name));
  }
});

test('a device that is no text, as firmware without types can give it', () => {
  for (const device of [undefined, null, true, 123, [], ['a'], () => 'a']) {
    refuses({ device: device as unknown as string }, String(device));
  }
});

test('bufferBytes below 64', () => {
  for (const bufferBytes of [63, 0, -1, -Infinity, 63.9, Number.NaN])
    refuses({ bufferBytes }, `${bufferBytes}`);
});

test('a table that no proxy would take, where nothing was built', () => {
  const { sdk, link } = device();
  sdk.stream('climate', { t: sdk.fixed(12) });
  assert.throws(() => sdk.producer({ device: 'a', link }), /stream 'climate', field 't': fixed/);
  assert.is(link.opened, 0);
});

test('a second producer', () => {
  const { sdk, engine, link } = device();
  sdk.producer({ device: 'mote-1', link });
  const other = wire();
  assert.throws(
    () => sdk.producer({ device: 'mote-2', link: other }),
    (error: Error) => error.message === LINE,
  );
  engine.advance(100_000);
  assert.is(other.opened, 0);
  assert.ok(link.opened, 'the first one goes on');
});

test('names of 1 and 64 characters, of every printable one', () => {
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const names = ['x', ' ', '~', 'x'.repeat(64), printable.slice(0, 64).join('')];
  for (const name of [...names, printable.slice(31).join('')]) {
    const { sdk, engine, link } = device();
    sdk.producer({ device: name, link });
    engine.advance(500);
    const [hello] = link.take();
    assert.ok(hello?.type === 'hello' && hello.device === name);
  }
});

test('bufferBytes 64: blocks of 16 bytes, end to end', () => {
  const { sdk, engine, link } = device();
  const climate = sdk.stream('climate', { t: sdk.fixed(1), rh: sdk.uint });
  const far = farEnd(link);
  far.limit = 2 ** 32;
  const hw = sdk.producer({ device: 'm', link, bufferBytes: 64, lingerMs: 0 });
  engine.advance(500);
  far.hear();
  far.welcome();
  for (let index = 0; index < 500; index++) {
    assert.is(hw.send(climate, { t: index / 10, rh: index }), 'ram');
    engine.advance(20);
    far.hear();
    far.ack();
  }
  engine.advance(100);
  far.hear();
  far.ack();
  assert.is(sdk.stats().buffered, 0);
  assert.is(sdk.stats().dropped, 0);
  assert.equal(
    far.taken.map((one) => typeof one === 'object' && one.values),
    Array.from({ length: 500 }, (_, index) => [index / 10, index]),
  );
  assert.ok(far.frames.every(({ block }) => block.length <= 32));
});

test('the largest frame of a device: the boot, the uptime and the seq as long as they get', () => {
  const { sdk, engine, link } = device(2 ** 45);
  const note = sdk.stream('note', { text: sdk.text });
  const far = farEnd(link);
  far.limit = 2 ** 32;
  far.boot = 2 ** 32 - 1;
  const hw = sdk.producer({ device: 'x'.repeat(64), link, bufferBytes: 4096 });
  // A block of 216 bytes: base 9, head 1, the text's head 2.
  const text = 'x'.repeat(204);
  hw.send(note, { text });
  engine.advance(500);
  far.hear();
  far.welcome();
  far.hear();
  assert.equal(typeof far.taken[0] === 'object' && far.taken[0].values, [text]);
  assert.is(far.frames[0]!.block.length, 2 * 216);
});

test.run();
