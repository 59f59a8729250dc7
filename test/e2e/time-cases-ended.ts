import { entry, hourMs, minuteMs, row, stepMs, times } from './time-cases.js';
import { cbor, type Scene } from './time-scene.js';

// The cases of boots that have ended, whose events a store kept over the power: they are dated by what was known of them.

/** A boot of a device with flash of which no block arrived; `meet`: it had a session once. */
function offline(
  scene: Scene,
  isAnchored: boolean,
  meet: boolean,
  rtcErrorMs: number | null,
  phases = ['all', 'all'],
) {
  const device = scene.device(1_000, { lingerMs: 100 }, isAnchored);
  device.way.isUp = meet;
  if (meet) scene.advance(1_000);
  if (rtcErrorMs !== null) device.sdk.setAnchor(scene.trueMs + rtcErrorMs, Math.abs(rtcErrorMs));
  device.way.cut(false);
  for (let done = 0; done < 40; done++) {
    scene.phase = phases[done < 10 ? 0 : 1]!;
    device.sample();
    device.sdk.flush(() => {}, 1);
    scene.advance(5_000);
  }
  scene.end(device);
  return { entries: device.entries, boot: device.sdk.stats().boot ?? 7 };
}

/** Another boot of it, an hour later, brings them. */
function later(scene: Scene, { entries, boot }: ReturnType<typeof offline>): void {
  scene.advance(hourMs, minuteMs);
  const peer = scene.script();
  scene.hello(peer, [{ boot, next: 40 }, { boot: boot + 1 }], 2_000);
  scene.deliver(peer, boot, entries, 2_100);
}

row(
  'a restart, events in flash, no clock ever known: the time of arrival',
  { all: times('unknown', 0, hourMs + 4 * minuteMs) },
  (scene) => later(scene, offline(scene, false, false, null)),
);

row(
  'a restart, the proxy too, events in flash, anchors learned from it',
  { all: times('estimated', stepMs, stepMs) },
  (scene) => {
    const kept = offline(scene, true, true, null);
    scene.proxy.restart();
    later(scene, kept);
  },
);

row(
  'a restart, events in flash without an anchor, and the proxy had heard the boot while it ran',
  { all: times('estimated', 0, stepMs) },
  (scene) => later(scene, offline(scene, false, true, null)),
);

row(
  "a restart, events in flash, anchors of the board's clock, 2 s off",
  { all: times('estimated', 0, 2_000) },
  (scene) => later(scene, offline(scene, true, false, 2_000)),
);

for (const isRestarted of [false, true]) {
  const proxy = isRestarted ? ', the proxy too' : '';
  row(
    `a restart${proxy}, events in flash without an anchor: the boot has what it had while it ran`,
    { ran: times('synced'), rest: times('estimated') },
    (scene) => {
      const { entries, boot } = offline(scene, false, false, null, ['ran', 'rest']);
      // Its clock was at 1,000 when the scene began, 200 s ago.
      const running = scene.script();
      scene.hello(running, [{ boot: 7, next: 40 }], 201_000);
      scene.deliver(running, 7, entries.slice(0, 10), 201_000);
      if (isRestarted) scene.proxy.restart();
      later(scene, { entries: entries.slice(10), boot });
    },
  );
}

for (const power of [31, 32]) {
  row(`an ended boot with anchors past 2^${power} ms`, { all: times('estimated') }, (scene) => {
    const uptime = 2 ** power - 2_500;
    const wall = [0x83, ...cbor(uptime), ...cbor(scene.trueMs), ...cbor(5)];
    const block = scene.write([uptime], wall);
    scene.advance(5_000);
    const more = scene.write([uptime + 5_000]);
    scene.advance(minuteMs);
    const peer = scene.script();
    scene.hello(peer, [{ boot: 7, next: 2 }, { boot: 8 }], 2_000);
    scene.deliver(peer, 7, [entry(0, 1, block), entry(1, 1, more)], 2_000);
  });
}
