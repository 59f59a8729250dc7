import { Decoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { at, head, integer, item, readFrom, writeTo } from '../../sdk/cbor.js';
import { putText } from '../../sdk/text.js';
import type { Value } from '../../sdk/undeclared.js';
import { Random } from '../random.js';
import type { Data } from './peer.js';
import { ready } from './talk.js';

// Preferred encoding, against RFC 8949, cbor-x and Node's UTF-8.

const buffer = new Uint8Array(4096);
const decoder = new Decoder({ mapsAsObjects: true, useRecords: false });

function written(write: () => void): Buffer {
  writeTo(buffer, 0);
  write();
  return Buffer.from(buffer.subarray(0, at));
}

const made = ready();

/** The bytes of an undeclared event's value, or false where it was refused. */
function undeclared(value: unknown): string | false {
  made.link.written = new Uint8Array(0);
  if (!made.sdk.sendUndeclared('v', value as Value)) {
    made.sdk.flush(() => {}, 0);
    made.engine.advance(0);
    const [lost] = made.link.take() as [Data];
    assert.is(lost.block, '8101');
    made.ack(lost.first + lost.count, 1e9);
    return false;
  }
  made.sdk.flush(() => {}, 0);
  made.engine.advance(0);
  const [data] = made.link.take() as [Data];
  made.ack(data.first + data.count, 1e9);
  assert.is(data.count, 1);
  const base = written(() => integer(made.engine.now)).toString('hex');
  const front = `${base}617600`;
  assert.ok(data.block.startsWith(front));
  return data.block.slice(front.length);
}

/** RFC 8949, appendix A: what an undeclared event can carry. JavaScript's 1.0 is its 1. */
const table: [Value, string][] = [
  [0, '00'],
  [1, '01'],
  [10, '0a'],
  [23, '17'],
  [24, '1818'],
  [25, '1819'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [-1, '20'],
  [-10, '29'],
  [-100, '3863'],
  [-1000, '3903e7'],
  [1.1, 'fb3ff199999999999a'],
  [1.5, 'f93e00'],
  [3.4028234663852886e38, 'fa7f7fffff'],
  [1e300, 'fb7e37e43c8800759c'],
  [2 ** -24, 'f90001'],
  [0.00006103515625, 'f90400'],
  [-4.1, 'fbc010666666666666'],
  [Infinity, 'f97c00'],
  [-Infinity, 'f9fc00'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [new Uint8Array(0), '40'],
  [Uint8Array.of(1, 2, 3, 4), '4401020304'],
  ['', '60'],
  ['a', '6161'],
  ['IETF', '6449455446'],
  ['"\\', '62225c'],
  ['\u00fc', '62c3bc'],
  ['\u6c34', '63e6b0b4'],
  ['\ud800\udd51', '64f0908591'],
  [[], '80'],
  [[1, 2, 3], '83010203'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [
    Array.from({ length: 25 }, (_, index) => index + 1),
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
  ],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  [['a', { b: 'c' }], '826161a161626163'],
  [{ a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }, 'a56161614161626142616361436164614461656145'],
];

for (const [value, hex] of table) {
  test(`RFC 8949, appendix A: ${hex}`, () => assert.is(undeclared(value), hex));
}

test('NaN is absent, a safe integer is an integer, any larger one a float', () => {
  assert.is(undeclared(NaN), 'f6');
  assert.is(undeclared(2 ** 53 - 1), '1b001fffffffffffff');
  assert.is(undeclared(-(2 ** 53) + 1), '3b001ffffffffffffe');
  assert.is(undeclared(2 ** 53), 'fa5a000000');
  assert.is(undeclared(100000.0), '1a000186a0');
});

function nested(depth: number, inner: Value): Value {
  return depth ? [nested(depth - 1, inner)] : inner;
}

test('nested 8 deep, not 9', () => {
  assert.is(undeclared(nested(8, 1)), `${'81'.repeat(8)}01`);
  assert.is(undeclared(nested(9, 1)), false);
  assert.is(undeclared({ a: nested(7, []) }), false);
  assert.is(undeclared({ a: nested(6, []) }), `a16161${'81'.repeat(6)}80`);
});

test('what is no CBOR is refused, wherever it lies', () => {
  const holes = [1, 2, 3];
  delete holes[1];
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [undefined, () => 1, Symbol('s'), 1n, cycle, holes, new Array(3)]) {
    assert.is(undeclared(value), false);
    assert.is(undeclared([1, value]), false);
    assert.is(undeclared({ a: 1, b: value }), false);
  }
});

test('random values decode by cbor-x to themselves', () => {
  const random = new Random(3);
  const make = (depth: number): Value => {
    switch (random.below(depth ? 8 : 6)) {
      case 0:
        return random.below(2 ** random.below(54)) * random.pick([1, -1]) || 0;
      case 1:
        return (random.next() - 0.5) * 10 ** random.below(30);
      case 2:
        return random.pick([true, false, null]);
      case 3:
        return 'x'.repeat(random.below(30));
      case 4:
        return String.fromCodePoint(32 + random.below(0xd000), 0x10000 + random.below(0x100000));
      case 5:
        return Uint8Array.from({ length: random.below(30) }, () => random.below(256));
      case 6:
        return Array.from({ length: random.below(4) }, () => make(depth - 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random.below(4) }, (_, index) => [`k${index}`, make(depth - 1)]),
        );
    }
  };
  const plain = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    // cbor-x reads eight bytes as a bigint.
    if (typeof value === 'bigint') return Number(value);
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  };
  let encoded = 0;
  for (let step = 0; step < 3000; step++) {
    const value = make(4);
    const hex = undeclared(value);
    // Refused: longer than a block.
    if (hex === false) continue;
    encoded++;
    assert.equal(plain(decoder.decode(Buffer.from(hex, 'hex'))), plain(value));
  }
  assert.ok(encoded > 2500);
});

test('head and integer: every width and its edges, read back', () => {
  const random = new Random(5);
  const edges = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 1];
  const values = [
    ...edges,
    ...edges.map((edge) => edge - 1),
    ...Array.from({ length: 20_000 }, () => random.below(2 ** random.below(54))),
  ];
  for (const value of values) {
    if (value >= 0) {
      for (const major of [0, 64, 96, 128, 160]) {
        const bytes = written(() => head(major, value));
        const width =
          value < 24 ? 1 : value < 256 ? 2 : value < 65536 ? 3 : value < 2 ** 32 ? 5 : 9;
        assert.is(bytes.length, width);
        assert.is(bytes[0]! & 0xe0, major);
        readFrom(bytes, 0);
        assert.is(item(), value);
      }
    }
    for (const signed of [value, -value]) {
      const bytes = written(() => integer(signed));
      assert.is(Number(decoder.decode(bytes)), signed || 0);
    }
  }
  assert.is(written(() => integer(-0)).toString('hex'), '00');
});

test('writing behind the end stores nothing and is counted', () => {
  const small = new Uint8Array(3);
  writeTo(small, 0);
  putText('abcdef');
  assert.is(at, 7);
  assert.is(small.length, 3);
});

test('UTF-8: every kind of character, pairs, halves alone', () => {
  const random = new Random(9);
  const halves = ['\ud800', '\udbff', '\udc00', '\udfff'];
  const characters = [
    ...['a', '\0', '\x7f', '\x80', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff'],
    ...['\u{10000}', '\u{10ffff}', '\u{1f600}', 'ü', '水'],
    ...halves,
  ];
  const texts = [
    ...characters,
    ...halves.flatMap((half) => halves.map((other) => `${half}${other}`)),
    ...halves.flatMap((half) => [`a${half}`, `${half}a`, `${half}\u{1f600}`, `\u{1f600}${half}`]),
    ...Array.from({ length: 5000 }, () =>
      Array.from({ length: random.below(90) }, () => random.pick(characters)).join(''),
    ),
    'x'.repeat(23),
    'x'.repeat(24),
    'ü'.repeat(127),
    'ü'.repeat(128),
    'x'.repeat(256),
  ];
  for (const text of texts) {
    const utf8 = Buffer.from(text, 'utf8');
    const bytes = written(() => putText(text));
    readFrom(bytes, 0);
    assert.is(item(), utf8.length);
    assert.ok(bytes.subarray(bytes.length - utf8.length).equals(utf8), JSON.stringify(text));
  }
});

test.run();
