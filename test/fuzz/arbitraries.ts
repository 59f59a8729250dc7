import fc from 'fast-check';
import { crc32 } from '../../proxy/crc32.js';
import { encodeEnvelope } from '../../proxy/envelope.js';
import { encodeFrame } from '../../proxy/frame.js';
import { tableId } from '../../proxy/table.js';
import { fromHex, vectors } from '../proxy/vectors.js';
import { float, head, integer, join, text, uint } from './cbor-writer.js';

// Nearly valid bytes: messages with every item in its place and numbers at the edges of their ranges or beyond.

export const edges = [
  ...[0, 1, 2, 15, 16, 23, 24, 63, 64, 255, 256, 1_000, 2_304, 3_600_000, 65_535, 65_536],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 46 - 1, 2 ** 46],
  ...[2 ** 52, 2 ** 53 - 1, 2 ** 53],
].map(BigInt);

/** Mostly small; sometimes the edges, sometimes what no number of JavaScript is. */
export const number: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(8).map(BigInt) },
  { weight: 2, arbitrary: fc.constantFrom(...edges) },
  { weight: 1, arbitrary: fc.bigInt(0n, 2n ** 64n - 1n) },
);

const sizes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8] as const;
/** Now and then in a head that is longer than it must be. */
export const item: fc.Arbitrary<Uint8Array> = fc
  .tuple(number, fc.constantFrom(...sizes))
  .map(([value, size]) => head(0, value, size));

export const bytesOf = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength });

const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('climate', 't', 'rh', 'a', 'b', 'press', 'note') },
  { weight: 1, arbitrary: fc.string({ maxLength: 70 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);

/** Any values, deep ones too. */
export const value: fc.Arbitrary<Uint8Array> = fc.letrec<{ value: Uint8Array }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 10, depthIdentifier: 'value' },
    { weight: 3, arbitrary: number.map(integer) },
    { weight: 1, arbitrary: number.map((one) => integer(-one)) },
    { weight: 1, arbitrary: fc.double().map(float) },
    { weight: 2, arbitrary: name.map(text) },
    { weight: 1, arbitrary: bytesOf(12).map((one) => join(head(2, one.length), one)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(0xf4, 0xf5, 0xf6, 0xf7).map((one) => Uint8Array.of(one)),
    },
    {
      weight: 2,
      arbitrary: fc
        .array(tie('value'), { maxLength: 4 })
        .map((list) => join(head(4, list.length), ...list)),
    },
    {
      weight: 2,
      arbitrary: fc
        .array(fc.tuple(name.map(text), tie('value')), { maxLength: 4 })
        .map((list) => join(head(5, list.length), ...list.flat())),
    },
  ),
})).value;

/** A table's bytes, and those of what it describes stream by stream. */
export const descriptions: fc.Arbitrary<Uint8Array[]> = fc.array(
  fc
    .tuple(
      name,
      fc.array(
        fc.tuple(name, fc.oneof(fc.constantFrom(0, 1, 2, 9, 16, 17, 18, 19, 20), fc.nat(30))),
        {
          maxLength: 5,
        },
      ),
    )
    .map(([stream, fields]) =>
      join(text(stream), ...fields.flatMap(([field, type]) => [text(field), uint(type)])),
    ),
  { maxLength: 5 },
);

export interface KnownTable {
  bytes: Uint8Array;
  id: string;
}
/** What a device may have: those of the vectors. */
export const tables: readonly KnownTable[] = vectors<{ cases: { bytes: string }[] }>('tables')
  .cases.map(({ bytes }) => fromHex(bytes))
  .map((bytes) => ({ bytes, id: tableId(bytes) }));

const fieldValue = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -300, max: 300 }).map(integer) },
  { weight: 1, arbitrary: number.map(integer) },
  { weight: 1, arbitrary: number.map((one) => integer(-one)) },
  { weight: 1, arbitrary: value },
);

const heads = fc.oneof(
  { weight: 6, arbitrary: fc.constant(new Uint8Array()) },
  {
    weight: 1,
    arbitrary: fc.tuple(item, item).map(([boot, next]) => join(head(4, 2), boot, next)),
  },
  {
    weight: 1,
    arbitrary: fc.array(item, { maxLength: 4 }).map((list) => join(head(4, list.length), ...list)),
  },
);

/** Events of a table of few streams, or a lost range. */
export const block: fc.Arbitrary<Uint8Array> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        heads,
        heads,
        item,
        fc.array(
          fc.oneof(
            { weight: 8, arbitrary: fieldValue },
            {
              weight: 1,
              arbitrary: fc.tuple(name.map(text), fieldValue, value).map((parts) => join(...parts)),
            },
          ),
          { maxLength: 24 },
        ),
      )
      .map(([one, other, base, events]) => join(one, other, base, ...events)),
  },
  { weight: 1, arbitrary: fc.nat(4).map((reason) => Uint8Array.of(0x81, reason)) },
);

const boot = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(77n, 78n, 1_763_956_800n) },
  { weight: 1, arbitrary: number },
);

export const helloBody: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.tuple(
      fc.constantFrom(1, 1, 1, 1, 0, 2),
      fc.constantFrom('mote-1', 'mote-1', 'mote-2', ''),
      fc.nat(15),
    ),
    fc.constantFrom(512, 512, 64, 2_304, 63),
    fc.tuple(number, item),
    fc.array(fc.constantFrom(...tables), { maxLength: 3 }),
    fc.array(fc.tuple(boot, number, number, number), { minLength: 1, maxLength: 4 }),
  )
  .map(([[version, device, flags], frameBytesMax, [nonce, uptime], ids, boots]) =>
    join(
      ...[Uint8Array.of(1), uint(version), text(device), uint(flags), uint(frameBytesMax)],
      ...[uint(nonce % 2n ** 32n), uptime, head(4, ids.length)],
      ...ids.map(({ id }) => text(Buffer.from(id, 'hex').toString('base64url'))),
      head(4, boots.length),
      ...boots.map(([one, lowest, more, fingerprint]) =>
        join(head(4, 4), ...[one, lowest, lowest + more, fingerprint].map(uint)),
      ),
    ),
  );

export const tableBody: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    item,
    item,
    fc.oneof(
      fc.constantFrom(...tables).map(({ bytes }) => bytes),
      bytesOf(30),
    ),
  )
  .map(([index, stream, bytes]) => join(Uint8Array.of(3), index, stream, bytes));

export const dataBody: fc.Arbitrary<Uint8Array> = fc
  .tuple(boot, item, fc.constantFrom(0, 0, 0, 1, 15, 16), number, number, block)
  .map(([one, uptime, table, first, count, bytes]) =>
    join(Uint8Array.of(4), uint(one), uptime, uint(table), uint(first), uint(count), bytes),
  );

export const otherBody: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(20), fc.array(item, { maxLength: 8 }), bytesOf(10))
  .map(([type, items, rest]) => join(uint(type), ...items, rest));

export const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: helloBody },
  { weight: 2, arbitrary: tableBody },
  { weight: 4, arbitrary: dataBody },
  { weight: 1, arbitrary: otherBody },
);

/** Body and check, as it lies in a datagram or an envelope. */
export function checked(bytes: Uint8Array): Uint8Array {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(bytes));
  return join(bytes, check);
}

export const frame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: body.map(checked) },
  { weight: 1, arbitrary: bytesOf(300) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(300), body)
      .map(([channel, bytes]) => encodeEnvelope({ channel, frame: checked(bytes) })),
  },
);

/** A few frames of a byte stream, as they come. */
export const stream: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: body.map(encodeFrame) },
      { weight: 1, arbitrary: bytesOf(40) },
      { weight: 1, arbitrary: fc.constant(Uint8Array.of(0)) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.oneof({ weight: 5, arbitrary: fc.nat(600) }, fc.nat(3_000)), fc.nat(255))
          .map(([length, byte]) => new Uint8Array(length).fill(byte)),
      },
    ),
    { maxLength: 5 },
  )
  .map((parts) => join(...parts));
