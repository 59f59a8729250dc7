import * as assert from 'uvu/assert';
import { Scene } from './time-scene.js';

// The cases of time.test.ts: what happens, and for the events of each phase the quality that its records say, and how early and
// late their times may be.

export interface Times {
  quality: string;
  earlyMs: number;
  lateMs: number;
}

export interface Row {
  name: string;
  /** By phase; `all` unless the row makes others. */
  expect: Record<string, Times>;
  /** How often a boot's times step back. */
  stepsBack?: number;
  play(): Scene;
}

export const times = (quality: string, earlyMs = 0, lateMs = 0): Times => ({
  quality,
  earlyMs,
  lateMs,
});
export const hourMs = 3_600_000;
export const minuteMs = 60_000;
/** A WELCOME is heard within one step of the scene. */
export const stepMs = 10;

export const rows: Row[] = [];
export function row(
  name: string,
  expect: Row['expect'],
  play: (scene: Scene) => void,
  { aheadMs = [0], stepsBack = 0 } = {},
): void {
  const run = () => {
    const scene = new Scene(aheadMs);
    play(scene);
    return scene;
  };
  rows.push({ name, expect, stepsBack, play: run });
}

row('a running boot', { all: times('synced') }, (scene) => {
  scene.device();
  scene.samples(200);
});

row('a link whose every frame is late by 2 s', { all: times('synced', 0, 2_000) }, (scene) => {
  scene.device().way.lateMs = 2_000;
  scene.samples(200);
});

row(
  'a link whose frames are late by 8 s, and then it is free: times are held until they are right',
  {
    congested: times('synced', 0, 8_000),
    held: times('estimated', 0, 6_100),
    after: times('synced'),
  },
  (scene) => {
    const device = scene.device(1_000, { ackTimeoutMs: 60_000 });
    device.way.lateMs = 8_000;
    scene.advance(20_000);
    scene.phase = 'congested';
    scene.samples(16, 2_000);
    // These are on the way when the connection ends, and come again at once.
    scene.phase = 'held';
    scene.samples(3, 2_000);
    scene.phase = 'after';
    scene.samples(1, 2_000);
    device.way.lateMs = 0;
    device.way.cut(true);
    scene.advance(5_000);
    scene.samples(20);
  },
);

row('a queue of 30 s on a link that was free before', { all: times('synced') }, (scene) => {
  const device = scene.device(1_000, { ackTimeoutMs: 90_000 });
  scene.samples(20);
  device.way.lateMs = 30_000;
  scene.samples(60);
  scene.advance(90_000);
});

for (const ppm of [100, -100]) {
  // A slow one is early by what it loses in ten minutes; late is here what the scene's steps of 100 ms make.
  const lag = ppm > 0 ? times('synced', 0, stepMs) : times('synced', 60, 100);
  row(`a crystal of ${ppm} ppm, a day with a link`, { all: lag }, (scene) => {
    scene.device().ppm = ppm;
    scene.advance(1_000);
    scene.samples(8_640, 10_000, 100);
    scene.advance(minuteMs);
  });
  const early = ppm > 0 ? times('synced', 8_700, 0) : times('synced', 0, 8_700);
  row(
    `a crystal of ${ppm} ppm, a day without a link, the boot still runs`,
    { all: early },
    (scene) => {
      const device = scene.device();
      device.ppm = ppm;
      device.way.isUp = false;
      scene.samples(1_440, minuteMs, 1_000);
      device.way.isUp = true;
      scene.advance(2 * minuteMs);
    },
  );
}

row('deep sleep that the uptime counts', { all: times('synced') }, (scene) => {
  const device = scene.device();
  for (let round = 0; round < 5; round++) {
    scene.samples(3);
    device.way.cut(false);
    scene.advance(hourMs, minuteMs);
    device.way.isUp = true;
    scene.advance(minuteMs);
  }
});

row(
  'deep sleep that stops the uptime: what is sent before the sleep',
  { all: times('estimated', 0, stepMs) },
  (scene) => {
    const device = scene.device(1_000, { lingerMs: 0 });
    device.sdk.uptimeStops();
    for (let round = 0; round < 20; round++) {
      scene.samples(3);
      scene.advance(minuteMs);
      device.isStopped = true;
      scene.advance(5 * minuteMs, minuteMs);
      device.isStopped = false;
    }
  },
);

row(
  'deep sleep that stops the uptime: what waits through it is late by it',
  { all: times('estimated', 0, 5 * minuteMs + stepMs) },
  (scene) => {
    const device = scene.device(1_000, { lingerMs: 0 });
    device.sdk.uptimeStops();
    scene.advance(minuteMs);
    for (let round = 0; round < 20; round++) {
      device.way.cut(false);
      device.sample();
      device.isStopped = true;
      scene.advance(5 * minuteMs, minuteMs);
      device.isStopped = false;
      device.way.isUp = true;
      scene.advance(minuteMs);
    }
  },
);

row(
  'deep sleep that stops the uptime, and firmware that does not say so: early for ten minutes',
  { all: times('synced', 5 * minuteMs, 0) },
  (scene) => {
    const device = scene.device(1_000, { lingerMs: 0 });
    scene.advance(minuteMs);
    scene.samples(3);
    device.isStopped = true;
    scene.advance(5 * minuteMs, minuteMs);
    device.isStopped = false;
    scene.samples(3);
    scene.advance(minuteMs);
  },
);

row('a restart, events in RAM', { all: times('synced') }, (scene) => {
  const first = scene.device();
  scene.samples(20);
  scene.end(first);
  scene.advance(minuteMs);
  scene.device(500);
  scene.samples(20);
});

row('the proxy starts anew while a boot runs', { all: times('synced') }, (scene) => {
  const device = scene.device();
  scene.samples(20);
  scene.proxy.restart();
  device.way.cut(true);
  scene.samples(20);
});

row(
  "the proxy's clock was 2 h behind and is set",
  { before: times('synced', 2 * hourMs, 0), after: times('synced') },
  (scene) => {
    scene.device();
    scene.phase = 'before';
    scene.samples(20);
    scene.proxy.clock.wallMs += 2 * hourMs;
    scene.phase = 'after';
    scene.samples(20);
  },
  { aheadMs: [-2 * hourMs] },
);

row(
  "the proxy's clock was 2 h ahead and is set back: the times follow, once",
  { before: times('synced', 0, 2 * hourMs), after: times('synced') },
  (scene) => {
    scene.device();
    scene.phase = 'before';
    scene.samples(20);
    scene.proxy.clock.wallMs -= 2 * hourMs;
    scene.phase = 'after';
    scene.samples(20);
    assert.is(scene.proxy.count('clock-set-back'), 1);
  },
  { aheadMs: [2 * hourMs], stepsBack: 1 },
);

row(
  "the proxy's clock was 5 min ahead and is set back: times are held until it is past",
  {
    before: times('synced', 0, 5 * minuteMs),
    held: times('estimated', 0, 5 * minuteMs),
    after: times('synced'),
  },
  (scene) => {
    // Its blocks are full of time: there is no gap between them in which a lead would melt.
    scene.device(1_000, { lingerMs: 10_000 });
    scene.advance(1_000);
    scene.phase = 'before';
    scene.samples(60, 1_000);
    scene.advance(10_000);
    scene.proxy.clock.wallMs -= 5 * minuteMs;
    scene.phase = 'held';
    scene.samples(270, 1_000);
    scene.advance(30_000);
    scene.phase = 'after';
    scene.samples(60, 1_000);
    scene.advance(10_000);
    assert.is(scene.proxy.count('clock-set-back'), 0);
  },
  { aheadMs: [5 * minuteMs] },
);

row(
  'another proxy, whose clock is 3 s behind',
  { first: times('synced'), second: times('synced', 3_000, 0) },
  (scene) => {
    const device = scene.device();
    scene.phase = 'first';
    scene.samples(20);
    device.way.cut(false);
    scene.proxy = scene.proxies[1]!;
    device.way.isUp = true;
    scene.advance(minuteMs);
    scene.phase = 'second';
    scene.samples(20);
  },
  { aheadMs: [0, -3_000], stepsBack: 0 },
);

for (const power of [31, 32, 45]) {
  row(`an uptime that passes 2^${power} ms`, { all: times('synced') }, (scene) => {
    scene.device(2 ** power - 50_000);
    scene.samples(20);
  });
}

row(
  'a clock that falls back by 10 s (an engine that breaks its word)',
  { before: times('synced'), after: times('synced', 10_000, 0) },
  (scene) => {
    const device = scene.device(60_000, { lingerMs: 20_000 });
    scene.phase = 'before';
    scene.samples(5, 500);
    device.engine.now -= 10_000;
    scene.phase = 'after';
    scene.samples(60, 500);
    scene.advance(minuteMs);
  },
);

row(
  'events that claim to be 5 s ahead of their own sending: the time of arrival',
  { all: times('estimated', 0, 0) },
  (scene) => {
    const peer = scene.script();
    scene.hello(peer, [{ boot: 7, next: 1 }], 10_000);
    scene.deliver(peer, 7, [entry(0, 1, scene.write([15_000]))], 10_000);
  },
);

row(
  'events that claim to be 20 min ahead: the time of arrival, and unknown',
  { all: times('unknown') },
  (scene) => {
    const peer = scene.script();
    scene.hello(peer, [{ boot: 7, next: 1 }], 10_000);
    scene.deliver(peer, 7, [entry(0, 1, scene.write([10_000 + 20 * minuteMs]))], 10_000);
  },
);

/** As in a store: size, first seq, count, block. */
export function entry(first: number, count: number, block: Uint8Array): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(8 + block.length, 0);
  head.writeUInt32BE(first, 2);
  head.writeUInt16BE(count, 6);
  return Buffer.concat([head, block]);
}
