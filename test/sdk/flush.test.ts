import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BACKOFF_MS, mote, ready } from './talk.js';

// flush(): sends at once, and says once whether all was acknowledged.

test('nothing to flush: called back at once', () => {
  for (const made of [mote(), ready()]) {
    const calls: boolean[] = [];
    const pending = made.engine.pending();
    made.sdk.flush((all) => calls.push(all));
    assert.equal(calls, [true]);
    assert.is(made.engine.pending(), pending, 'its timer has ended');
    assert.equal(made.said(), []);
  }
});

test('sends the open block and waits for its ACK', () => {
  const made = ready({ lingerMs: 60_000 });
  const calls: boolean[] = [];
  made.sample();
  made.sample();
  made.sdk.flush((all) => calls.push(all));
  assert.equal(made.said(), ['data 0+2']);
  made.ack(1);
  assert.equal(calls, []);
  // What comes after it is not waited for.
  made.sample();
  made.ack(2);
  assert.equal(calls, [true]);
  made.ack(2);
  assert.equal(calls, [true]);
});

test('the time passes: false once, and the events are still held and sent', () => {
  const made = ready();
  const calls: boolean[] = [];
  made.sample();
  made.sdk.flush((all) => calls.push(all), 1000);
  made.engine.advance(999);
  assert.equal(calls, []);
  made.engine.advance(1);
  assert.equal(calls, [false]);
  assert.is(made.sdk.stats().buffered, 1);
  made.ack(1);
  assert.equal(calls, [false]);
  assert.is(made.sdk.stats().buffered, 0);
});

test('30 s unless told', () => {
  const made = mote();
  made.link.connects = false;
  const calls: boolean[] = [];
  made.sample();
  made.sdk.flush((all) => calls.push(all));
  made.engine.advance(29_999);
  assert.equal(calls, []);
  made.engine.advance(1);
  assert.equal(calls, [false]);
});

test('while offline: the WELCOME or the ACK that brings the place ends it', () => {
  const made = mote();
  const calls: string[] = [];
  made.sample();
  made.sdk.flush((all) => calls.push(`first ${all}`));
  made.greet();
  made.welcome();
  assert.equal(made.said(), ['data 0+1']);
  made.link.events!.down();
  made.sample();
  made.sdk.flush((all) => calls.push(`second ${all}`));
  made.greet(BACKOFF_MS);
  assert.equal(calls, []);
  // The proxy has got the first one; its ACK was lost with the link.
  made.welcome(1);
  assert.equal(calls, ['first true']);
  assert.equal(made.said(), ['data 1+1']);
  made.ack(2);
  assert.equal(calls, ['first true', 'second true']);
});

test('several at once, each with its own goal and time', () => {
  const made = ready();
  const calls: string[] = [];
  for (const [index, timeoutMs] of [5000, 700, 5000].entries()) {
    made.sample();
    made.sdk.flush((all) => calls.push(`${index} ${all}`), timeoutMs);
  }
  made.ack(1);
  assert.equal(calls, ['0 true']);
  made.engine.advance(700);
  assert.equal(calls, ['0 true', '1 false']);
  made.ack(3);
  assert.equal(calls, ['0 true', '1 false', '2 true']);
  assert.is(made.engine.pending(), 0);
});

test('several with one goal: all are called, once each', () => {
  const made = ready();
  const calls: number[] = [];
  made.sample();
  for (const index of [0, 1, 2]) made.sdk.flush(() => calls.push(index));
  made.ack(1);
  assert.equal(calls, [0, 1, 2]);
});

test('flush from inside a callback: nobody is called twice', () => {
  const made = ready();
  const calls: string[] = [];
  made.sample();
  for (const name of ['a', 'b', 'c']) {
    made.sdk.flush((all) => {
      calls.push(`${name} ${all}`);
      made.sdk.flush((again) => calls.push(`${name} again ${again}`));
    });
  }
  made.ack(1);
  assert.equal([...calls].sort(), [
    ...['a again true', 'a true', 'b again true', 'b true', 'c again true', 'c true'],
  ]);
  assert.is(made.engine.pending(), 0);
  made.ack(1);
  assert.is(calls.length, 6);
});

test('send and flush from inside a callback', () => {
  const made = ready();
  const calls: string[] = [];
  made.sample();
  made.sdk.flush(() => {
    made.sample();
    made.sdk.flush((all) => calls.push(`inner ${all}`));
    calls.push('outer');
  });
  made.ack(1);
  assert.equal(calls, ['outer']);
  assert.equal(made.said(), ['data 0+1', 'data 1+1']);
  made.ack(2);
  assert.equal(calls, ['outer', 'inner true']);
});

test('what was lost is acknowledged as a loss, and ends it too', () => {
  const made = ready();
  const calls: boolean[] = [];
  made.hw.send({ name: 'foreign', fields: {}, index: 9 }, {});
  made.sdk.flush((all) => calls.push(all));
  assert.equal(made.said(), ['lost 0+1']);
  assert.equal(calls, []);
  made.ack(1);
  assert.equal(calls, [true]);
});

test.run();
