import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Anchor, decodeBlock } from '../../proxy/block.js';
import { decodeTable, type StreamTable } from '../../proxy/table.js';
import type { ProducerOptions } from '../../sdk/options.js';
import { BACKOFF_MS, type Mote, mote } from './talk.js';

// What a boot knows of wall time, and which of its blocks say so: PROTOCOL.md §5 and [W-38]. Over whole sites: test/e2e/time.

/** What peer.ts's WELCOME says. */
const WALL_MS = 1763956800123;

function anchored(options: Partial<ProducerOptions> = {}): Mote {
  const made = mote(options);
  made.sdk.anchors();
  return made;
}

const emptyTable = decodeTable(new Uint8Array()) as StreamTable;

/** The anchors of the blocks that were sent since it was asked last. */
const anchorsOf = (made: Mote): (Anchor | null)[] =>
  made.link.take().flatMap((message) => {
    if (message.type !== 'data' || /^81/.test(message.block)) return [];
    const block = decodeBlock(Buffer.from(message.block, 'hex'), emptyTable, message.count);
    assert.is(block.kind, 'events');
    return block.kind === 'events' ? [block.anchor] : [];
  });

function block(made: Mote): void {
  made.sdk.sendUndeclared('n', 1);
  made.seal();
}

test('a WELCOME is learned in the middle of its round trip, and is in the next block', () => {
  const made = anchored();
  made.greet();
  made.engine.advance(300);
  made.welcome();
  made.engine.advance(1_000);
  block(made);
  block(made);
  assert.equal(anchorsOf(made), [
    { uptime: BACKOFF_MS + 300, wallMs: WALL_MS + 150, errorMs: 150 },
    null,
  ]);
  assert.is(made.sdk.wallClock(), WALL_MS + 150 + 1_000);
});

test('a WELCOME that answers another HELLO is not learned', () => {
  const made = anchored();
  made.greet();
  made.nonce++;
  made.welcome();
  assert.ok(Number.isNaN(made.sdk.wallClock()));
});

test('nothing is written while nothing is known', () => {
  const made = anchored();
  block(made);
  made.greet();
  made.welcome();
  assert.equal(anchorsOf(made), [null]);
});

test('every eighth block has it, so that one survives where the oldest are given up', () => {
  const made = anchored();
  made.greet();
  made.welcome();
  for (let count = 0; count < 18; count++) block(made);
  const at = anchorsOf(made).flatMap((anchor, index) => (anchor === null ? [] : [index]));
  assert.equal(at, [0, 8, 16]);
});

test("the board's clock: whole numbers, the newest counts, what can't be is ignored", () => {
  const made = anchored();
  made.sdk.setAnchor(5_000.4, 2.6);
  for (const [wallMs, errorMs] of [
    [NaN, 1],
    [1, NaN],
    [-1, 0],
    [5, -1],
    [Infinity, 1],
    [4e15, 1],
    [5, 6],
  ] as const) {
    made.sdk.setAnchor(wallMs, errorMs);
  }
  block(made);
  made.engine.advance(100);
  made.sdk.setAnchor(9_000, 0);
  block(made);
  made.greet(BACKOFF_MS - 100);
  made.welcome();
  assert.equal(anchorsOf(made), [
    { uptime: 0, wallMs: 5_000, errorMs: 3 },
    { uptime: 100, wallMs: 9_000, errorMs: 0 },
  ]);
});

test('an event that does not fit behind it is taken without it', () => {
  const made = anchored({ bufferBytes: 128 });
  made.sdk.setAnchor(WALL_MS, 1);
  // A block of 32 bytes, of which an anchor takes 12.
  assert.is(made.sdk.sendUndeclared('n', 'x'.repeat(24)), 'ram');
  made.seal();
  made.greet();
  made.welcome();
  assert.equal(anchorsOf(made), [null]);
  assert.equal(made.sdk.sendUndeclared('n', 'x'.repeat(40)), false);
});

test('flush is called back beside it', () => {
  const made = anchored();
  made.greet();
  made.welcome();
  const calls: boolean[] = [];
  made.sdk.sendUndeclared('n', 1);
  made.sdk.flush((all) => calls.push(all));
  made.ack(1);
  assert.equal(calls, [true]);
});

test('[W-18] a clock that runs backwards: the latest time again, until it is past', () => {
  const made = mote({ lingerMs: 1e9 });
  made.engine.now = 1_000;
  made.sdk.sendUndeclared('n', 1);
  for (const now of [400, 0, 900, 1_200]) {
    made.engine.now = now;
    made.sdk.sendUndeclared('n', 1);
  }
  made.engine.now = 700;
  made.sdk.flush(() => {}, 0);
  made.sdk.sendUndeclared('n', 1);
  made.greet(BACKOFF_MS + 1_000);
  made.welcome();
  const uptimes = made.link.take().flatMap((message): (number | string)[] => {
    if (message.type !== 'data') return [];
    const read = decodeBlock(Buffer.from(message.block, 'hex'), emptyTable, message.count);
    return read.kind === 'events' ? read.events.map(({ uptime }) => uptime) : ['undecodable'];
  });
  assert.equal(uptimes, [1_000, 1_000, 1_000, 1_000, 1_200, 1_200]);
});

test.run();
