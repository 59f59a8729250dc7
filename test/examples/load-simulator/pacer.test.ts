// When devices send, on stand-ins for them; and that a seed says the same each time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../../examples/load-simulator/device.js';
import { Pacer } from '../../../examples/load-simulator/pacer.js';
import { randomOf } from '../../../examples/load-simulator/random.js';
import { Scheduler } from '../../../examples/load-simulator/scheduler.js';
import type { Settings } from '../../../examples/load-simulator/settings.js';
import { until } from '../../site/until.js';

const test = suite('load simulator: pacer');

class Stand {
  sent: { row: number; atMs: number }[] = [];
  row = 0;
  /** Events that it takes until the next acknowledgement. */
  room = Number.POSITIVE_INFINITY;
  onAcknowledged = () => {};
  readonly index: number;
  readonly #rows: number;

  constructor(index: number, rows = Number.POSITIVE_INFINITY) {
    this.index = index;
    this.#rows = rows;
  }

  send(row = this.row): boolean {
    if (!this.hasRow(row)) return false;
    this.room--;
    this.row = row + 1;
    this.sent.push({ row, atMs: performance.now() });
    return true;
  }

  hasRow(row = this.row): boolean {
    return row < this.#rows;
  }

  hasRoom(): boolean {
    return this.room > 0;
  }
}

function begun(settings: Partial<Settings>, stands: Stand[], untilMs = Number.POSITIVE_INFINITY) {
  const scheduler = new Scheduler();
  const ended: string[] = [];
  const pacer = new Pacer({
    settings: {
      ...{ rate: null, shape: 'steady', eventsMax: Number.POSITIVE_INFINITY },
      ...{ workload: { stream: 's', devices: null, fields: () => ({}), values: () => ({}) } },
      ...settings,
    } as Settings,
    devices: stands as unknown as Device[],
    ...{ scheduler, untilMs },
    onOver: (why) => ended.push(why),
  });
  pacer.begin();
  const end = () => {
    pacer.end();
    scheduler.stop();
  };
  const events = () => stands.reduce((sum, { sent }) => sum + sent.length, 0);
  return { ended, end, events };
}

test('at a rate devices take turns, and it ends with the last event', async () => {
  const stands = [new Stand(0), new Stand(1), new Stand(2), new Stand(3)];
  const { ended, end, events } = begun({ rate: 400, eventsMax: 42 }, stands);
  await until(() => ended.length > 0);
  end();
  assert.equal(ended, ['events']);
  assert.is(events(), 42);
  assert.equal(
    stands.map(({ sent }) => sent.length),
    [11, 11, 10, 10],
  );
});

test('a rate that nobody keeps up with ends with the time, not with all that was due in it', async () => {
  const stands = [new Stand(0), new Stand(1)];
  const { ended, end, events } = begun({ rate: 1e7 }, stands, performance.now() + 50);
  await until(() => ended.length > 0);
  end();
  assert.equal(ended, ['duration']);
  assert.ok(events() < 5e5);
});

test('a burst is what would have come in ten seconds, at once', async () => {
  const stands = [new Stand(0), new Stand(1)];
  const { end, events } = begun({ rate: 7, shape: 'bursts' }, stands);
  await until(() => events() > 0);
  end();
  assert.equal(
    stands.map(({ sent }) => sent.length),
    [35, 35],
  );
});

test('a trace is played at its times, and ends when all have', async () => {
  const stands = [new Stand(0, 3), new Stand(1, 2)];
  const workload = {
    ...{ stream: 's', devices: 2, fields: () => ({}), values: () => ({}) },
    rows: (index: number) => 3 - index,
    timeMs: (index: number, row: number) => 30 * row + index,
  };
  const beganMs = performance.now();
  const { ended, end } = begun({ workload }, stands);
  await until(() => ended.length > 0);
  end();
  assert.equal(ended, ['trace']);
  const rows = stands.map(({ sent }) => sent.map(({ row }) => row));
  assert.equal(rows, [
    [0, 1, 2],
    [0, 1],
  ]);
  for (const { sent, index } of stands) {
    for (const { row, atMs } of sent) assert.ok(atMs - beganMs >= 30 * row + index - 1);
  }
});

test('a flood fills what has room, and goes on at an acknowledgement', async () => {
  const stands = [new Stand(0), new Stand(1)];
  for (const stand of stands) stand.room = 5;
  const { end, events } = begun({ rate: 'max' }, stands);
  await until(() => events() === 10);
  stands[1]!.room = 3;
  stands[1]!.onAcknowledged();
  assert.is(events(), 10, 'not from inside the call');
  await until(() => events() === 13);
  end();
  stands[0]!.room = 9;
  stands[0]!.onAcknowledged();
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(events(), 13, 'it is over');
});

test('a seed gives each device and each use numbers of its own, the same each time', () => {
  const draw = (seed: number, ...use: number[]) => {
    const random = randomOf(seed, ...use);
    return Array.from({ length: 5 }, random);
  };
  assert.equal(draw(7, 1, 2), draw(7, 1, 2));
  const all = [
    draw(7, 1, 2),
    draw(7, 2, 1),
    draw(7, 1, 3),
    draw(8, 1, 2),
    draw(0, 0, 1),
    draw(0, 0, 2),
  ];
  assert.is(new Set(all.map(([first]) => first)).size, all.length);
});

test.run();
