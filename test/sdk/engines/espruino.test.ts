import { crc32 } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

// Espruino's engine file against the globals of a board whose clock setTime() puts elsewhere (the Linux build's stays). The real
// engine runs it in test/engines.

interface Board {
  getTime(): number;
  setTime(seconds: number): void;
  E: { hwRand(): number; CRC32(bytes: Uint8Array): number };
}

let seconds = 1000.25;
const board = globalThis as unknown as Board;
board.getTime = () => seconds;
board.setTime = (to) => {
  seconds = to;
};
board.E = { hwRand: () => -1, CRC32: (bytes) => crc32(bytes) };
const engine = await import('../../../sdk/engines/espruino.js');

test('uptime goes on through setTime(), forwards and back', () => {
  assert.is(engine.clock(), 0);
  seconds += 1.5;
  assert.is(engine.clock(), 1500);
  board.setTime(1_763_956_800);
  assert.is(engine.clock(), 1500);
  assert.is(seconds, 1_763_956_800, 'the wall clock was set');
  seconds += 2;
  board.setTime(5);
  assert.is(engine.clock(), 3500);
});

test('no timer is cancelled that is none; randomness below 1; CRC-32 of a part', () => {
  engine.cancel(undefined);
  assert.ok(engine.random() < 1 && engine.random() > 0.99);
  assert.is(engine.crc32(Buffer.from('x123456789y'), 1, 10), 0xcbf43926);
});

test.run();
