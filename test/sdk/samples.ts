import type { BlockEvent } from '../../proxy/block.js';
import type { Value as Read } from '../../proxy/cbor.js';
import type { Producer } from '../../sdk/producer.js';
import type { Stream } from '../../sdk/stream.js';
import type { Value } from '../../sdk/undeclared.js';
import type { Sdk } from '../../targets/instance.js';
import type { Random } from '../random.js';

// Random events of all types, each with what the proxy must read: for tests that compare the two ends.

export interface Sample {
  send(): 'ram' | 'flash' | false;
  /** What `send` must answer, where that is known before. */
  taken: 'ram' | false | undefined;
  expected: Seen;
  read(event: BlockEvent): Seen;
}

interface Seen {
  stream: string;
  uptime: number;
  values: readonly unknown[];
}

/** Three streams that hold every type of field. */
export const declare = (sdk: Sdk): Stream[] => [
  sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(1) }) as Stream,
  sdk.stream('press', { strokes: sdk.uint, open: sdk.bool, offset: sdk.int }) as Stream,
  sdk.stream('note', { text: sdk.text, raw: sdk.bytes, rms: sdk.float, p: sdk.fixed(9) }) as Stream,
];

export const SCALED_MAX = 45e14;
const ODD = [null, undefined, NaN, Infinity, -Infinity, 1e300, -1e300, -0, 0];

/** What the proxy reads for a value of a type; types as PROTOCOL.md §4 numbers them. */
export function expectedValue(type: number, value: unknown): unknown {
  if (type === 17) return typeof value === 'boolean' ? value : null;
  if (type === 19) return typeof value === 'string' ? Buffer.from(value).toString() : null;
  if (type === 20) return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : null;
  if (typeof value !== 'number' || Number.isNaN(value)) return null;
  if (type === 18) return value;
  const digits = type % 16;
  const scaled = Math.round(value * 10 ** digits);
  if (Math.abs(scaled) > SCALED_MAX || (type === 16 && scaled < 0)) return null;
  return scaled / 10 ** digits || 0;
}

export const plain = (value: Read): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  return Array.isArray(value) ? value.map(plain) : value;
};

const read = ({ stream, uptime, values }: BlockEvent): Seen => ({
  ...{ stream, uptime },
  values: values.map(plain),
});

/** Makes a sample of what happens at a time. */
export function samples(
  random: Random,
  sdk: Sdk,
  hw: Producer,
  streams: readonly Stream[],
): (uptime: number) => Sample {
  const number = () =>
    random.pick([
      () => random.below(100),
      () => (random.next() - 0.5) * 10 ** random.below(9),
      () => random.pick([SCALED_MAX, -SCALED_MAX, SCALED_MAX + 1, 2 ** 53, 0.005, -0.004]),
    ])();
  const value = (type: number): unknown => {
    if (random.below(12) === 0) return random.pick(ODD);
    if (type === 17) return random.pick([true, false]);
    if (type === 19) return 'aé水\u{1f600}\ud800'.repeat(random.below(random.pick([2, 2, 12])));
    if (type === 20) return Uint8Array.from({ length: random.below(40) }, () => random.below(256));
    return number();
  };

  const declared = (uptime: number): Sample => {
    const stream = random.pick(streams);
    const values = Object.fromEntries(
      Object.entries(stream.fields).map(([field, type]) => [field, value(type)]),
    );
    const entries = Object.entries(stream.fields);
    const expected = entries.map(([field, type]) => expectedValue(type, values[field]));
    return {
      send: () => hw.send(stream, values),
      taken: undefined,
      expected: { stream: stream.name, uptime, values: expected },
      read,
    };
  };
  const undeclared = (uptime: number): Sample => {
    const content: Value = random.pick([
      random.below(1000),
      [random.below(9), null, { a: true, b: 'x' }],
      'text',
      1.5,
    ]);
    const name = random.pick(['note', 'a.b-c_1']);
    return {
      send: () => sdk.sendUndeclared(name, content),
      taken: undefined,
      expected: { stream: name, uptime, values: [content] },
      read,
    };
  };
  const refused = (uptime: number): Sample => {
    const [climate, , note] = streams as [Stream, Stream, Stream];
    const send = random.pick<() => 'ram' | 'flash' | false>([
      () => hw.send({ name: 'foreign', fields: {}, index: random.below(9) }, {}),
      () => hw.send({ ...climate }, { t: 1, rh: 2 }),
      () => hw.send(sdk.stream('late', { t: sdk.int }), { t: 1 }),
      () => hw.send(note, { text: 'x'.repeat(225), raw: null, rms: null, p: null }),
      () => hw.send(note, { text: null, raw: new Uint8Array(500), rms: null, p: null }),
      () =>
        hw.send(climate, {
          t: 1,
          get rh(): number {
            throw new Error('a sensor that is not there');
          },
        }),
      () => hw.send(climate, null as never),
      () => hw.send(undefined as never, {}),
      () => hw.send(climate, { t: Symbol('t'), rh: 1 }),
      () => sdk.sendUndeclared('a name', 1),
      () => sdk.sendUndeclared('note', undefined as never),
      () => sdk.sendUndeclared('note', [1, (() => 1) as never]),
    ]);
    return { send, taken: false, expected: { stream: '', uptime, values: [] }, read };
  };
  return (uptime) => {
    const kind = random.below(14);
    return kind === 0 ? refused(uptime) : kind < 3 ? undeclared(uptime) : declared(uptime);
  };
}
