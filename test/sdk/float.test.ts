import { Decoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { at, writeTo } from '../../sdk/cbor.js';
import { putFloat } from '../../sdk/float.js';
import { Random } from '../random.js';
import { encoded as expected, halves } from './float-oracle.js';

// The shortest of three widths that keeps a value. The oracle knows every half, and Math.fround for singles.

const buffer = new Uint8Array(16);
const decoder = new Decoder();

function encoded(value: unknown): string {
  writeTo(buffer, 0);
  putFloat(value);
  return Buffer.from(buffer.subarray(0, at)).toString('hex');
}

function check(value: number) {
  const hex = encoded(value);
  assert.is(hex, expected(value), `${value}`);
  assert.ok(Object.is(decoder.decode(Buffer.from(hex, 'hex')), value), `${value} by cbor-x`);
}

test('RFC 8949, appendix A', () => {
  for (const [value, hex] of [
    [0, 'f90000'],
    [-0, 'f98000'],
    [1, 'f93c00'],
    [1.1, 'fb3ff199999999999a'],
    [1.5, 'f93e00'],
    [65504, 'f97bff'],
    [100000, 'fa47c35000'],
    [3.4028234663852886e38, 'fa7f7fffff'],
    [1e300, 'fb7e37e43c8800759c'],
    [2 ** -24, 'f90001'],
    [0.00006103515625, 'f90400'],
    [-4, 'f9c400'],
    [-4.1, 'fbc010666666666666'],
    [Infinity, 'f97c00'],
    [-Infinity, 'f9fc00'],
  ] as const) {
    assert.is(encoded(value), hex, `${value}`);
  }
});

test('every half', () => {
  for (const value of halves.keys()) {
    if (value !== 0 && !Number.isNaN(value)) assert.is(encoded(value), expected(value));
  }
});

test('between neighbouring halves no half will do', () => {
  const sorted = [...halves.keys()].filter(Number.isFinite).sort((a, b) => a - b);
  for (let index = 1; index < sorted.length; index++) {
    const between = (sorted[index - 1]! + sorted[index]!) / 2;
    assert.is(encoded(between), expected(between));
    assert.match(encoded(between), /^fa/);
  }
});

test('the edges of each width, and one unit beside them', () => {
  const view = new DataView(new ArrayBuffer(8));
  const beside = (value: number, units: bigint) => {
    view.setFloat64(0, value);
    view.setBigInt64(0, view.getBigInt64(0) + units);
    return view.getFloat64(0);
  };
  const edges = [
    ...[2 ** -14, 2 ** -24, 2 ** -25, 1023 * 2 ** -24, 65504, 65519, 65520, 65535, 65536],
    ...[2 ** -126, 2 ** -149, 2 ** -150, 3.4028234663852886e38, 3.4028235677973366e38, 2 ** 128],
    ...[Number.MIN_VALUE, 2 ** -1022, Number.MAX_VALUE, 2047, 2048, 2049, 4095, 2 ** 24 + 1, 1 / 3],
  ];
  for (const edge of edges) {
    for (const sign of [1, -1]) {
      for (const value of [edge, beside(edge, 1n), beside(edge, -1n)]) check(sign * value);
      check(sign * Math.fround(edge));
    }
  }
  for (let exponent = -1074; exponent < 1024; exponent++) check(2 ** exponent);
});

test('random doubles, singles and decimals', () => {
  const random = new Random(7);
  const view = new DataView(new ArrayBuffer(8));
  for (let step = 0; step < 50_000; step++) {
    view.setUint32(0, random.below(2 ** 32));
    view.setUint32(4, random.pick([0, 0xe0000000, random.below(2 ** 32)]));
    for (const value of [
      view.getFloat64(0),
      view.getFloat32(0),
      random.below(100_000) / 10 ** random.below(6),
    ]) {
      if (!Number.isNaN(value)) check(value);
    }
  }
});

test('NaN and what is no number are absent', () => {
  for (const value of [NaN, null, undefined, '1', true, {}, 1n]) assert.is(encoded(value), 'f6');
});

test.run();
