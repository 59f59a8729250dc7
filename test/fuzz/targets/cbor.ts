import { CborReader, type Value } from '../../../proxy/cbor.js';
import { readFrom, integer as sdkInteger, item as sdkItem, writeTo } from '../../../sdk/cbor.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { value } from '../arbitraries.js';
import { encode } from '../cbor-writer.js';
import { check, same, type Target } from '../target.js';

// Values that describe themselves, and the items of a body.

const depthMax = 8;

function run(input: Uint8Array): string {
  const reader = new CborReader(input);
  const found = reader.value(depthMax, 'value');
  check(reader.at <= input.length, 'it read behind the end');
  items(input);
  if (reader.broken !== null) return reader.broken.replace(/\d+/g, '#');
  const seen = { nodes: 0, kinds: new Set<string>() };
  walk(found, depthMax, seen);
  check(seen.nodes <= input.length, 'more values than bytes');
  const again = encode(found);
  const isSame = same(again, input.subarray(0, reader.at));
  // A float may be of any width, and undefined is read as null.
  const isExact = !input.subarray(0, reader.at).some((byte) => byte === 0xf7 || isFloat(byte));
  if (isExact) check(isSame, 'encoded again it is other bytes');
  const second = new CborReader(again).value(depthMax, 'value');
  check(same(encode(second), again), 'decode(encode(x)) is not x');
  if (typeof found === 'number' && Number.isSafeInteger(found)) sdk(found);
  return [...seen.kinds].sort().join(' ');
}

function walk(found: Value, depth: number, seen: { nodes: number; kinds: Set<string> }) {
  seen.nodes++;
  check(depth >= 0, 'nested deeper than it was told');
  if (Array.isArray(found)) for (const one of found) walk(one, depth - 1, seen);
  else if (found instanceof Map) for (const one of found.values()) walk(one, depth - 1, seen);
  seen.kinds.add(Array.isArray(found) ? 'list' : found instanceof Map ? 'map' : typeof found);
}

const isFloat = (byte: number) => byte >= 0xf9 && byte <= 0xfb;

/** One item after the other, as each kind in turn. */
function items(input: Uint8Array): void {
  const reader = new CborReader(input);
  for (let left = input.length + 1; !reader.done; left--) {
    check(left > 0, 'it does not come to an end');
    const before = reader.at;
    switch (reader.major) {
      case 0:
        check(reader.uint(2 ** 32, 'uint') <= 2 ** 32, 'above its most');
        break;
      case 1:
        check(Math.abs(reader.integer('integer')) <= 2 ** 53 + 1, 'beyond 2^53');
        break;
      case 2:
        check(reader.byteString(64, 'bytes').length <= 64, 'longer than its most');
        break;
      case 3:
        check(Buffer.byteLength(reader.text(64, 'text')) <= 64, 'longer than its most');
        break;
      case 4:
        check(reader.array(16, 'array') <= 16, 'longer than its most');
        break;
      default:
        if (reader.absent()) break;
        if (left % 2 === 0) reader.bool('bool');
        else reader.float('float');
    }
    check(reader.done || reader.at > before, 'an item without bytes');
  }
}

const buffer = new Uint8Array(16);

/** What a device writes, both read. */
function sdk(number: number): void {
  writeTo(buffer, 0);
  sdkInteger(number);
  check(
    new CborReader(buffer).integer('integer') === number,
    "the proxy reads the device's number as another",
  );
  readFrom(buffer, 0);
  if (number >= 0) check(sdkItem() === number, 'the device reads its number as another');
}

export const cborTarget: Target = {
  name: 'cbor',
  checks:
    'reads no byte behind the end, nests no deeper than told, makes no more values than bytes; decode(encode(x)) = x; preferred encoding alone',
  arbitrary: value,
  seeds: () =>
    vectors<{ cases: { name: string; body: string }[] }>('messages').cases.map(
      ({ name, body }) => ({
        name,
        bytes: fromHex(body),
      }),
    ),
  fresh: () => ({ run }),
};
