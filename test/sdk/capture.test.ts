import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from './device.js';

const capture = JSON.parse(readFileSync('test/vectors/capture.json', 'utf8')) as {
  steps: { from: string; bytes: string; lost: boolean }[];
};

test('PROTOCOL.md §15, byte for byte', () => {
  const { sdk, engine, link } = device();
  const steps = capture.steps.map(({ bytes }) => Buffer.from(bytes, 'hex'));
  const written = () => {
    const hex = Buffer.from(link.written).toString('hex');
    link.written = new Uint8Array(0);
    return hex;
  };
  const expected = (index: number) => steps[index]!.toString('hex');

  const climate = sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(2) });
  // Wakes, opens the link after 431 ms, and draws a nonce.
  engine.draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
  const hw = sdk.producer({ device: 'mote-1', link, lingerMs: 60_000, retryBackoffMs: 431 / 0.75 });
  engine.advance(431);
  assert.is(written(), expected(0));
  link.say(steps[1]!);
  assert.is(written(), expected(2));

  engine.advance(1000 - 431);
  assert.is(hw.send(climate, { t: 21.5, rh: 40.25 }), 'ram');
  engine.advance(5001);
  hw.send(climate, { t: 21.51, rh: 40.22 });
  engine.advance(4998);
  hw.send(climate, { t: 21.51, rh: 40.2 });
  engine.advance(21);
  const flushed: boolean[] = [];
  sdk.flush((all) => flushed.push(all));
  assert.is(written(), expected(3));

  engine.advance(80);
  engine.draws.push(0.5, (0x0badcafe + 0.5) / 4e9);
  link.events!.down();
  engine.advance(431);
  assert.is(written(), expected(4));
  engine.advance(20);
  link.say(steps[5]!);
  assert.is(written(), expected(6));
  assert.equal(flushed, []);
  link.say(steps[7]!);
  assert.equal(flushed, [true]);
  assert.is(sdk.stats().buffered, 0);
});

test.run();
