import { createHash, createHmac } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hmacSha256, sha256 } from '../../sdk/sha256.js';
import { buildFirmware } from '../../targets/build.js';
import { runFirmware } from '../../targets/quickjs-host.js';
import { projectFolder } from '../kafka/jars.js';
import { Random } from '../random.js';

// Against the vectors of RFC 6234 (§8.5) and RFC 4231 (§4), and against node:crypto.

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

for (const [name, message, hash] of [
  ['nothing', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'two blocks',
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    'a million times a',
    'a'.repeat(1_000_000),
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  ],
  [
    'ten times 64 characters',
    '0123456701234567012345670123456701234567012345670123456701234567'.repeat(10),
    '594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5',
  ],
] as const) {
  test(`RFC 6234: ${name}`, () => assert.is(hex(sha256(ascii(message))), hash));
}

test('RFC 6234: one byte, 0x19', () => {
  const hash = '68aa2e2ee5dff96e3355e6c7ee373e3d6a4e17f75f9518d843709c0c9bc3e3d4';
  assert.is(hex(sha256(Uint8Array.of(0x19))), hash);
});

for (const [number, key, data, mac] of [
  [
    1,
    '0b'.repeat(20),
    hex(ascii('Hi There')),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  [
    2,
    hex(ascii('Jefe')),
    hex(ascii('what do ya want for nothing?')),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    3,
    'aa'.repeat(20),
    'dd'.repeat(50),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  [
    4,
    '0102030405060708090a0b0c0d0e0f10111213141516171819',
    'cd'.repeat(50),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
  [
    6,
    'aa'.repeat(131),
    hex(ascii('Test Using Larger Than Block-Size Key - Hash Key First')),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    7,
    'aa'.repeat(131),
    hex(
      ascii(
        'This is a test using a larger than block-size key and a larger than block-size data. ' +
          'The key needs to be hashed before being used by the HMAC algorithm.',
      ),
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
] as const) {
  test(`RFC 4231: test case ${number}`, () => {
    assert.is(hex(hmacSha256(bytesOf(key), bytesOf(data))), mac);
  });
}

test('RFC 4231: test case 5, the first 16 bytes', () => {
  const mac = hmacSha256(new Uint8Array(20).fill(0x0c), ascii('Test With Truncation'));
  assert.is(hex(mac).slice(0, 32), 'a3b6167473100ee06e0c796c2955552b');
});

const expected = (message: Uint8Array) => createHash('sha256').update(message).digest('hex');
const expectedMac = (key: Uint8Array, message: Uint8Array) =>
  createHmac('sha256', key).update(message).digest('hex');

test('messages of 0 to 200 bytes, as node:crypto hashes them', () => {
  const random = new Random(1);
  for (let length = 0; length <= 200; length++) {
    for (const message of [random.bytes(length), new Uint8Array(length).fill(0xff)]) {
      assert.is(hex(sha256(message)), expected(message), `${length} bytes`);
    }
  }
});

test('1 MB', () => {
  const message = new Random(2).bytes(2 ** 20);
  assert.is(hex(sha256(message)), expected(message));
  const key = new Random(3).bytes(16);
  assert.is(hex(hmacSha256(key, message)), expectedMac(key, message));
});

test('keys of 0 to 200 bytes, as node:crypto does it', () => {
  const random = new Random(4);
  for (let length = 0; length <= 200; length++) {
    const key = random.bytes(length);
    const message = random.bytes(random.below(200));
    assert.is(hex(hmacSha256(key, message)), expectedMac(key, message), `${length} bytes`);
  }
});

test('key and message stay as they were, and a part of a larger buffer is only that part', () => {
  const buffer = new Random(5).bytes(300);
  const before = hex(buffer);
  const [key, message] = [buffer.subarray(7, 100), buffer.subarray(130, 290)];
  assert.is(hex(hmacSha256(key, message)), expectedMac(key, message));
  assert.is(hex(buffer), before);
});

test('in QuickJS: built, and with the roots as that engine takes them', async () => {
  const source = `
    import { hmacSha256, sha256 } from 'headwater/sha256';
    globalThis.hash = (key, bytes) => [...sha256(Uint8Array.from(bytes)),
      ...hmacSha256(Uint8Array.from(key), Uint8Array.from(bytes))];
  `;
  const entry = { source, folder: projectFolder };
  const { code } = await buildFirmware({ entry, target: 'quickjs', minify: true });
  const running = await runFirmware({
    ...{ code, board: {}, connect: () => new PassThrough() },
    onError: (error) => assert.unreachable(error.message),
  });
  const random = new Random(6);
  for (const length of [0, 55, 56, 63, 64, 65, 119, 120, 200]) {
    const [key, message] = [random.bytes(length), random.bytes(length)];
    const seen = running.evaluate(`hash([${key}], [${message}])`) as number[];
    assert.is(hex(Uint8Array.from(seen)), expected(message) + expectedMac(key, message));
  }
  running.stop();
});

test('the constants are right where a power is exact to 13 digits', () => {
  // The distance of each to the next whole number, in parts of itself.
  let tightest = 1;
  for (let candidate = 2, found = 0; found < 64; candidate++) {
    const isPrime = !Array.from({ length: 16 }, (_, index) => index + 2).some(
      (divisor) => divisor < candidate && candidate % divisor === 0,
    );
    if (!isPrime) continue;
    found++;
    const roots = [candidate ** (1 / 3), ...(found <= 8 ? [candidate ** 0.5] : [])];
    for (const scaled of roots.map((root) => root * 2 ** 32)) {
      const part = scaled % 1;
      tightest = Math.min(tightest, Math.min(part, 1 - part) / scaled);
    }
  }
  assert.ok(tightest > 5e-13, `${tightest}`);
});

test.run();
