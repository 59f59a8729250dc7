import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeMessage, encodeAck, encodeReset, encodeWelcome } from '../../proxy/message.js';
import { fromHex, toHex, vectors } from './vectors.js';

interface Case {
  name: string;
  message: Partial<Encoded> & { type: string; block?: string; description?: string };
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
    // What a body ends with is taken as it comes: the block, a stream's description.
    const tail = String(message.block ?? message.description ?? '').length / 2;
    for (let length = 0; length < whole.length; length++) {
      const decoded = decodeMessage(whole.subarray(0, length));
      assert.is(decoded.type, length > whole.length - tail ? message.type : 'malformed');
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

test('a boot twice, or none before the running one, is malformed', () => {
  const head = '01016161001880051901af80';
  assert.is(decodeMessage(fromHex(`${head}8284070001008408000100`)).type, 'hello');
  assert.is(decodeMessage(fromHex(`${head}8284070001008407000100`)).type, 'malformed');
  assert.is(decodeMessage(fromHex(`${head}8284000001008407000100`)).type, 'malformed');
});

test.run();
