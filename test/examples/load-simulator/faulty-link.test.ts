// The link between the SDK and its socket, under each of its faults, on a stand-in for the socket.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultyLink } from '../../../examples/load-simulator/faulty-link.js';
import { randomOf } from '../../../examples/load-simulator/random.js';
import { Scheduler } from '../../../examples/load-simulator/scheduler.js';
import type { Link, LinkEvents } from '../../../sdk/links/link.js';
import { until } from '../../site/until.js';

const test = suite('load simulator: faulty link');
const bytes = (...values: number[]) => Uint8Array.from(values);

function opened() {
  const heard: string[] = [];
  const written: number[] = [];
  let far: LinkEvents | null = null;
  const socket: Link = {
    open(events) {
      far = events;
    },
    write(chunk) {
      written.push(...chunk);
      return chunk.length;
    },
    close() {
      far = null;
    },
  };
  const link = new FaultyLink(socket, new Scheduler(), randomOf(1));
  const events: LinkEvents = {
    up: () => heard.push('up'),
    down: () => heard.push('down'),
    data: (chunk) => heard.push(`data ${[...chunk]}`),
    ready: () => heard.push('ready'),
  };
  link.open(events);
  far!.up();
  return { link, events, heard, written, far: () => far };
}

test('as long as nothing befalls it, it passes everything on', () => {
  const { link, heard, written, far } = opened();
  assert.is(link.write(bytes(1, 2)), 2);
  far()!.data(bytes(3));
  assert.equal(written, [1, 2]);
  assert.equal(heard, ['up', 'data 3']);
  assert.ok(link.isUp);
});

test('cut: it goes down, opens no more, and does again once it is healed', async () => {
  const { link, events, heard, far } = opened();
  link.cut(true);
  assert.equal(heard, ['up'], 'not from inside the call');
  await until(() => heard.includes('down'));
  assert.is(far(), null);
  link.open(events);
  await until(() => heard.length === 3);
  assert.equal(heard, ['up', 'down', 'down']);
  assert.not(link.isUp);
  link.cut(false);
  link.open(events);
  far()!.up();
  assert.is(heard.at(-1), 'up');
});

test('stalled: nothing passes either way, and what was held comes when it is over', async () => {
  const { link, heard, written, far } = opened();
  link.stall(true);
  assert.is(link.write(bytes(1)), 0);
  far()!.data(bytes(7));
  far()!.data(bytes(8));
  assert.equal(heard, ['up']);
  link.stall(false);
  await until(() => heard.includes('ready'));
  assert.equal(heard, ['up', 'data 7', 'data 8', 'ready']);
  assert.equal(written, []);
});

test('slow: so many bytes in each slice, then it says when it takes more', async () => {
  const { link, heard, written } = opened();
  link.slow(50);
  assert.is(link.write(bytes(1, 2, 3, 4, 5, 6, 7, 8)), 5);
  assert.is(link.write(bytes(6, 7, 8)), 0);
  await until(() => heard.includes('ready'));
  assert.is(link.write(bytes(6, 7, 8)), 3);
  assert.equal(written, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('garbled: a bit of some bytes, in a copy, both ways', () => {
  const { link, heard, written, far } = opened();
  link.garble(1);
  const sent = bytes(0, 0, 0, 0);
  link.write(sent);
  assert.equal([...sent], [0, 0, 0, 0]);
  for (const byte of written) assert.ok([1, 2, 4, 8, 16, 32, 64, 128].includes(byte), `${byte}`);
  far()!.data(bytes(0));
  assert.not.equal(heard, ['up', 'data 0']);
});

test('deaf: nothing is heard or said until it is dropped; then it goes down', async () => {
  const { link, heard, written, far } = opened();
  link.deafen();
  far()!.data(bytes(1));
  assert.is(link.write(bytes(2)), 0);
  assert.equal(heard, ['up']);
  link.drop();
  await until(() => heard.length === 2);
  assert.equal([heard, written], [['up', 'down'], []]);
});

test.run();
