import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlockEvent } from '../../proxy/block.js';
import type { Store } from '../../sdk/stores/store.js';
import { Random } from '../random.js';
import { device } from './device.js';
import { farEnd } from './far-end.js';
import { checked, type Kept, modelStore, parseEntry } from './stores/model.js';

// [W-52]: a block holds events of one priority, and what a full store gives up is exactly what is lost.

function site(sizeBytes = 4096) {
  const { sdk, engine, link } = device();
  const far = farEnd(link);
  const climate = sdk.stream('climate', { t: sdk.int });
  const alarm = sdk.priority(sdk.stream('alarm', { code: sdk.int }), 2);
  const door = sdk.priority(sdk.stream('door', { open: sdk.bool }), 1);
  const kept: Kept[] = [];
  const dropped = new Set<number>();
  const model = modelStore(sizeBytes, 'keep highest');
  const store: Store = checked(
    sdk.keepHighest(sdk.ram(sizeBytes)),
    model,
    (gone) => {
      for (const { first, count } of gone) {
        for (let seq = first; seq < first + count; seq++) dropped.add(seq);
      }
    },
    (message) => assert.unreachable(message),
  );
  const append = (bytes: Uint8Array, events: number) => {
    kept.push(parseEntry(bytes));
    return store.append(bytes, events);
  };
  const hw = sdk.producer({ device: 'mote-1', link, store: { ...store, append } });
  return { sdk, engine, link, far, hw, climate, alarm, door, kept, dropped };
}

const ranks = (kept: Kept[]) => kept.map(({ first, count, priority }) => [first, count, priority]);

test('another priority seals the block; events of one share it', () => {
  const { sdk, hw, climate, alarm, door, kept } = site();
  hw.send(climate, { t: 1 });
  hw.send(climate, { t: 2 });
  assert.is(hw.send(alarm, { code: 1 }), 'ram');
  hw.send(alarm, { code: 2 });
  hw.send(climate, { t: 3 });
  sdk.sendUndeclared('note', 1);
  hw.send(door, { open: true });
  hw.send(door, { open: false });
  sdk.sendUndeclared('note', 2);
  sdk.flush(() => {}, 0);
  assert.equal(ranks(kept), [
    [0, 2, 0],
    [2, 2, 2],
    [4, 2, 0],
    [6, 2, 1],
    [8, 1, 0],
  ]);
});

test('a block that is full goes on in one of the same priority', () => {
  const { sdk, hw, alarm, kept } = site();
  for (let code = 0; code < 400; code++) hw.send(alarm, { code: code ** 3 });
  sdk.flush(() => {}, 0);
  assert.ok(kept.length > 3);
  for (const { priority } of kept) assert.is(priority, 2);
});

test('what is refused changes nothing', () => {
  const { sdk, hw, climate, kept } = site();
  hw.send(climate, { t: 1 });
  assert.is(hw.send(undefined as never, {} as never), false);
  assert.is(hw.send({ name: 'x', fields: {}, index: 9 } as never, {} as never), false);
  hw.send(climate, { t: 1 });
  sdk.flush(() => {}, 0);
  assert.equal(ranks(kept), [
    [0, 1, 0],
    [3, 1, 0],
  ]);
});

test('a reducer hands on to a stream with a priority', () => {
  const { sdk, alarm, kept } = site();
  sdk.deadband(alarm, {}).send({ code: 1 });
  sdk.flush(() => {}, 0);
  assert.equal(ranks(kept), [[0, 1, 2]]);
});

test('it returns the stream', () => {
  const { sdk } = device();
  const alarm = sdk.stream('alarm', { code: sdk.int });
  assert.is(sdk.priority(alarm, 1), alarm);
});

for (let seed = 1; seed <= 12; seed++) {
  test(`a store that is too small, seed ${seed}: the lowest are lost first, exactly`, () => {
    const random = new Random(seed);
    const { sdk, engine, far, hw, link, climate, alarm, door, dropped } = site(
      random.pick([300, 768, 2000]),
    );
    far.limit = 2 ** 32;
    const sent: [string, number | boolean | null][] = [];
    for (let step = 0; step < 3000; step++) {
      const draw = random.next();
      if (draw < 0.02) {
        sent.push(['alarm', step]);
        hw.send(alarm, { code: step });
      } else if (draw < 0.1) {
        sent.push(['door', step % 2 > 0]);
        hw.send(door, { open: step % 2 > 0 });
      } else {
        sent.push(['climate', step ** 2]);
        hw.send(climate, { t: step ** 2 });
      }
      engine.advance(random.below(100));
      // A proxy that hears now and then, and a line that loses a tenth.
      if (random.chance(0.005)) {
        far.exchange(() => random.chance(0.1));
      }
      if (random.chance(0.002)) {
        far.cut();
        link.events?.down();
      }
    }
    for (let round = 0; sdk.stats().buffered; round++) {
      assert.ok(round < 1000, 'it comes to an end');
      sdk.flush(() => {}, 0);
      engine.advance(1000);
      far.exchange();
    }
    assert.is(far.taken.length, sent.length);
    const lost: Record<string, number> = { climate: 0, door: 0, alarm: 0 };
    for (const [seq, one] of far.taken.entries()) {
      const [stream, value] = sent[seq]!;
      if (typeof one === 'string') {
        assert.is(one, 'overflow');
        assert.ok(dropped.has(seq), `${seq} was not dropped, and is lost`);
        lost[stream]!++;
      } else {
        const { stream: seen, values } = one as BlockEvent;
        assert.equal([seen, ...values], [stream, value]);
      }
    }
    assert.ok(lost.climate! > 100, `${lost.climate} of climate`);
    assert.ok(lost.alarm! / 60 < lost.climate! / 2700, JSON.stringify(lost));
  });
}

test.run();
