import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeMessage, encodeAck, encodeReset, encodeWelcome } from '../../proxy/message.js';
import { fromHex, toHex, vectors } from './vectors.js';

interface Case {
  name: string;
  message: Partial<Encoded> & { type: string; block?: string };
  body: string;
}

const { cases, malformed } = vectors<{
  cases: Case[];
  malformed: { name: string; body: string }[];
}>('messages');

const fromDevice = cases.filter(({ message }) => ['hello', 'table', 'data'].includes(message.type));

for (const { name, message, body } of fromDevice) {
  test(`decode: ${name}`, () => {
    const decoded = decodeMessage(fromHex(body));
    const plain = Object.fromEntries(
      Object.entries(decoded).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? toHex(value) : value,
      ]),
    );
    assert.equal(plain, message);
  });

  test(`decode: ${name}, cut short, is malformed`, () => {
    const whole = fromHex(body);
    const header = message.type === 'data' ? whole.length - String(message.block).length / 2 : 1e9;
    for (let length = 0; length < whole.length; length++) {
      const decoded = decodeMessage(whole.subarray(0, length));
      assert.is(decoded.type, length > header ? 'data' : 'malformed');
    }
  });
}

interface Encoded {
  type: string;
  version: number;
  nonce: number;
  wallMs: number;
  lacking: number[];
  boots: { boot: number; next: number; limit: number }[];
  boot: number;
  next: number;
  limit: number;
  gap: 0 | 1;
  reason: number;
  retryMs: number;
}

function encode(message: Encoded): Uint8Array {
  const { type, boot, next, limit, gap, reason, retryMs } = message;
  if (type === 'ack') return encodeAck(boot, next, limit, gap);
  return type === 'reset' ? encodeReset(reason, retryMs) : encodeWelcome(message);
}

for (const { name, message, body } of cases.filter((one) => !fromDevice.includes(one))) {
  test(`encode: ${name}`, () => {
    assert.is(toHex(encode(message as Encoded)), body);
  });
}

for (const { name, body } of malformed) {
  test(`malformed: ${name}`, () => {
    assert.is(decodeMessage(fromHex(body)).type, 'malformed');
  });
}

test('items behind those known are ignored, unknown types and versions are told apart', () => {
  const hello = cases[0]!.body;
  assert.is(decodeMessage(fromHex(`${hello}820102`)).type, 'hello');
  assert.equal(decodeMessage(fromHex('181e01')), { type: 'other', number: 30 });
  assert.equal(decodeMessage(fromHex('05')), { type: 'other', number: 5 });
  assert.equal(decodeMessage(fromHex('0100')), { type: 'version', version: 0 });
});

test('a boot twice, or null before the running one, is malformed', () => {
  const with2 = (boots: string) => `010161610018800519 01af80${boots}`.replace(' ', '');
  assert.is(decodeMessage(fromHex(with2('8284070001f684080001f6'))).type, 'hello');
  assert.is(decodeMessage(fromHex(with2('8284070001f684070001f6'))).type, 'malformed');
  assert.is(decodeMessage(fromHex(with2('8284f60001f684070001f6'))).type, 'malformed');
});

test.run();
