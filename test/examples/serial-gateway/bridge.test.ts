import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Bridge } from '../../../examples/serial-gateway/bridge.js';
import { decodeEnvelope, encodeEnvelope } from '../../../proxy/envelope.js';
import { FrameReader, toStream } from '../../../proxy/frame.js';
import { createOutcomes } from '../../../proxy/outcomes.js';
import { TestClock } from '../../proxy/talk.js';

// The gateway's middle, without a line or a socket: bounds, turns, and what happens when the connection is slow or away.

function scene(limits: { lineBytesMax?: number; totalBytesMax?: number } = {}) {
  const clock = new TestClock();
  const outcomes = createOutcomes(clock, () => {});
  const bridge = new Bridge({ clock, outcomes, lineBytesMax: 100, totalBytesMax: 250, ...limits });
  const uplink = { isUp: true, takes: true };
  const sent: string[] = [];
  const reader = new FrameReader({
    frame(frame) {
      const { channel, frame: inside } = decodeEnvelope(frame)!;
      sent.push(`${channel}: ${inside.length === 0 ? 'open' : inside[0]}`);
    },
    broken: (why) => assert.unreachable(why),
  });
  bridge.attach({
    get isUp() {
      return uplink.isUp;
    },
    get takes() {
      return uplink.isUp && uplink.takes;
    },
    write: (bytes) => reader.push(bytes),
  });
  const line = (path: string, stops = false) => {
    const written: string[] = [];
    const state = { paused: false, reads: true };
    const handler = bridge.opened({
      path,
      stops,
      write(bytes) {
        if (state.reads) written.push(Buffer.from(bytes).toString('hex'));
        return state.reads;
      },
      pause: () => {
        state.paused = true;
      },
      resume: () => {
        state.paused = false;
      },
    });
    /** A frame of so many bytes, its first one the number. */
    const say = (number: number, bytes = 20) =>
      handler.received(toStream([new Uint8Array(bytes).fill(number)]));
    return { handler, say, written, state };
  };
  const count = (kind: string) => outcomes.counts().get(kind) ?? 0;
  return { bridge, uplink, line, count, clock, heard: () => sent.splice(0) };
}

test('each line has a channel, is announced, and its frames go out in order', () => {
  const { line, heard } = scene();
  const [a, b] = [line('a'), line('b')];
  a.say(1);
  b.say(2);
  a.say(3);
  assert.equal(heard(), ['0: open', '1: open', '0: 1', '1: 2', '0: 3']);
  a.handler.closed();
  const c = line('c');
  c.say(4);
  assert.equal(heard(), ['0: open', '0: 4']);
});

test('lines take turns: a chatty one does not hold up a quiet one', () => {
  const { bridge, uplink, line, heard } = scene();
  const [chatty, quiet, other] = [line('a'), line('b'), line('c')];
  uplink.takes = false;
  for (let number = 1; number <= 5; number++) chatty.say(number);
  quiet.say(9);
  other.say(8);
  heard();
  uplink.takes = true;
  bridge.pump();
  assert.equal(heard(), ['0: 1', '1: 9', '2: 8', '0: 2', '0: 3', '0: 4', '0: 5']);
});

test('what waits is bounded, per line and in all; a frame beyond is dropped and counted', () => {
  const { bridge, uplink, line, count } = scene();
  uplink.takes = false;
  const lines = ['a', 'b', 'c'].map((path) => line(path));
  for (let number = 1; number <= 6; number++) lines[0]!.say(number);
  assert.equal([bridge.waitingBytes, count('congested')], [100, 1]);
  for (let number = 1; number <= 5; number++) lines[1]!.say(number);
  for (let number = 1; number <= 5; number++) lines[2]!.say(number);
  assert.equal([bridge.waitingBytes, count('congested')], [240, 4]);
  lines[1]!.handler.closed();
  assert.is(bridge.waitingBytes, 140);
});

test('a line with flow control is stopped instead, and goes on when half of it is through', () => {
  const { bridge, uplink, line, count, heard } = scene();
  uplink.takes = false;
  const { say, state } = line('a', true);
  for (let number = 1; number <= 6; number++) say(number);
  assert.equal([state.paused, count('congested')], [true, 0]);
  heard();
  uplink.takes = true;
  bridge.pump();
  assert.equal(heard(), ['0: 1', '0: 2', '0: 3', '0: 4', '0: 5', '0: 6']);
  assert.not(state.paused);
});

test('while the connection is away frames are dropped; when it is back every line is announced', () => {
  const { bridge, uplink, line, count, heard } = scene();
  const { say, state } = line('a', true);
  line('b');
  uplink.takes = false;
  for (let number = 1; number <= 6; number++) say(number);
  assert.ok(state.paused);
  uplink.isUp = false;
  say(7);
  assert.is(count('not-connected'), 1);
  heard();
  uplink.isUp = true;
  uplink.takes = true;
  bridge.up();
  bridge.pump();
  assert.equal([heard(), bridge.waitingBytes, state.paused], [['0: open', '1: open'], 0, false]);
});

test('answers go to their line, with a 0x00 first after a silence; one for nobody is nothing', () => {
  const { bridge, line, clock, count } = scene();
  const { written, state } = line('a');
  const answer = (channel: number) =>
    bridge.fromProxy(toStream([encodeEnvelope({ channel, frame: Uint8Array.of(5, 1) })]));
  answer(0);
  answer(0);
  clock.advance(1_000);
  answer(0);
  assert.equal(written, ['0003050100', '03050100', '0003050100']);
  answer(7);
  assert.is(written.length, 3);
  state.reads = false;
  answer(0);
  assert.is(count('slow-reader'), 1);
  bridge.fromProxy(toStream([Uint8Array.of(5, 1, 2, 3, 4)]));
  assert.is(count('proxy-frame-envelope'), 1);
});

test('noise is the line’s own trouble', () => {
  const { line, count, heard } = scene();
  const { handler, say } = line('a');
  handler.received(Uint8Array.of(9, 9, 0, 200, 1, 0));
  say(1);
  assert.equal([heard(), count('line-frame-cobs')], [['0: open', '0: 1'], 2]);
});

test.run();
