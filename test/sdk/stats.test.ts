import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BOOT, mote } from './talk.js';

// Each of the counters, on a device that is full, refuses, and is acknowledged.

test('from the first event to the last ACK', () => {
  const made = mote({ bufferBytes: 64 });
  const { sdk, hw } = made;
  assert.equal(sdk.stats(), {
    ...{ accepted: 0, refused: 0, dropped: 0, outOfRange: 0 },
    ...{ boot: null, acknowledged: 0, buffered: 0, ready: false },
  });
  made.sample();
  made.sample(1e20);
  hw.send({ name: 'foreign', fields: {}, index: 9 }, {});
  assert.equal(sdk.stats(), {
    ...{ accepted: 2, refused: 1, dropped: 0, outOfRange: 1 },
    ...{ boot: null, acknowledged: 0, buffered: 3, ready: false },
  });
  made.greet();
  made.welcome(0);
  made.ack(2);
  assert.equal(sdk.stats(), {
    ...{ accepted: 2, refused: 1, dropped: 0, outOfRange: 1 },
    ...{ boot: BOOT, acknowledged: 2, buffered: 1, ready: true },
  });
  made.link.events!.down();
  // 48 bytes of store are two blocks at most.
  for (let index = 0; index < 100; index++) made.sample(index * 100_000);
  const { accepted, dropped, buffered, ready } = sdk.stats();
  assert.is(accepted, 102);
  assert.ok(dropped > 60 && dropped < 100);
  assert.is(buffered, 101);
  assert.not(ready);
});

test('a value out of range is counted once, also where its event begins a new block', () => {
  for (let before = 0; before < 40; before++) {
    const made = mote({ bufferBytes: 64 });
    for (let index = 0; index < before; index++) made.sample(index);
    made.sample(Infinity);
    assert.is(made.sdk.stats().outOfRange, 1, `behind ${before} events`);
    made.sample(-Infinity);
    made.sample(46e13);
    made.sample(-46e13);
    assert.is(made.sdk.stats().outOfRange, 4);
    made.sample(NaN);
    assert.is(made.sdk.stats().outOfRange, 4, 'a NaN is no more than absent');
  }
});

test.run();
