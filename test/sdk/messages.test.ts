import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from './device.js';

// The vectors of messages, at the device's end: those that it says come out byte for byte, those that it hears do what they
// say. The proxy's test reads the same file.

const { cases } = JSON.parse(readFileSync('test/vectors/messages.json', 'utf8')) as {
  cases: { name: string; frame: string }[];
};
const frameOf = (name: string) => Buffer.from(cases.find((one) => one.name === name)!.frame, 'hex');

test('HELLO, WELCOME, TABLE, DATA, ACK and RESET are the bytes of the vectors', () => {
  const { sdk, engine, link } = device();
  const climate = sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(2) });
  const says = (name: string) => {
    assert.is(
      Buffer.from(link.written).toString('hex'),
      `00${frameOf(name).toString('hex')}`,
      name,
    );
    link.written = new Uint8Array(0);
  };
  engine.draws.push(0.5, (0x12345678 + 0.5) / 4e9);
  const hw = sdk.producer({ device: 'mote-1', link, lingerMs: 1e6, retryBackoffMs: 431 / 0.75 });
  engine.advance(431);
  says('HELLO of a device with RAM only');
  link.say(frameOf('WELCOME'));
  says('TABLE');
  assert.is(sdk.stats().boot, 1_763_956_800);
  for (let index = 0; index < 10; index++) {
    engine.advance(index === 0 ? 5_000 - 431 : 5_000);
    hw.send(climate, { t: 21.5 + index / 100, rh: 40.25 - index / 50 });
  }
  engine.advance(431);
  sdk.flush(() => {});
  says('DATA');
  link.say(frameOf('ACK of a gap'));
  assert.is(sdk.stats().acknowledged, 0, 'it is of another boot');
  link.say(frameOf('ACK'));
  assert.is(sdk.stats().acknowledged, 10);
  link.say(frameOf('RESET, replaced too often'));
  assert.is(link.opened, 1);
  engine.advance(8_000);
  assert.is(link.opened, 1, 'not before 8,000 ms');
  engine.advance(600);
  assert.is(link.opened, 2);
});

test.run();
