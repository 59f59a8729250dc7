import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlockEvent } from '../../proxy/block.js';
import type { ProducerOptions } from '../../sdk/options.js';
import type { Field, Stream } from '../../sdk/stream.js';
import type { Value } from '../../sdk/undeclared.js';
import type { Sdk } from '../../targets/instance.js';
import { Random } from '../random.js';
import { device } from './device.js';
import { type FarEnd, farEnd } from './far-end.js';
import { declare, expectedValue, plain, type Sample, SCALED_MAX, samples } from './samples.js';

// Blocks as they are encoded, byte for byte and as the proxy reads them; and what send() refuses. Long runs: block-run.

interface Event {
  stream?: string;
  name?: string;
  uptime: number;
  values?: Record<string, unknown>;
  value?: Value;
}

const vectors = <Cases>(name: string): Cases =>
  (JSON.parse(readFileSync(`test/vectors/${name}.json`, 'utf8')) as { cases: Cases }).cases;
const blocks = vectors<{ name: string; table: string; events: Event[]; block: string }[]>('blocks');
const tables =
  vectors<{ name: string; streams: { name: string; fields: Record<string, string> }[] }[]>(
    'tables',
  );

/** A device with what a test declares, and a proxy that takes and acknowledges everything. */
function site(make: (sdk: Sdk) => Stream[], start = 0, options: Partial<ProducerOptions> = {}) {
  const { sdk, engine, link } = device(start);
  const streams = make(sdk);
  const far = farEnd(link);
  far.limit = 2 ** 32;
  const hw = sdk.producer({ device: 'mote-1', link, lingerMs: 1e9, ...options });
  /** Lets everything arrive; returns what did. */
  const arrive = (): FarEnd['taken'] => {
    for (let round = 0; sdk.stats().buffered && round < 100; round++) {
      sdk.flush(() => {}, 0);
      engine.advance(1000);
      far.exchange();
    }
    assert.is(sdk.stats().buffered, 0);
    return far.taken;
  };
  return { sdk, engine, link, hw, streams, far, arrive };
}

const declared = (table: string) => (sdk: Sdk) =>
  tables
    .find(({ name }) => name === table)!
    .streams.map(({ name, fields }) => {
      const types = Object.entries(fields).map(([field, type]) => {
        const digits = /^fixed\((\d)\)$/.exec(type);
        const known = { int: sdk.int, uint: sdk.uint, bool: sdk.bool, float: sdk.float };
        const all: Record<string, Field<unknown>> = { ...known, text: sdk.text, bytes: sdk.bytes };
        return [field, digits ? sdk.fixed(Number(digits[1])) : all[type]!] as const;
      });
      return sdk.stream(name, Object.fromEntries(types));
    });

for (const { name, table, events, block } of blocks) {
  // ±2^52 is the protocol's limit and beyond the SDK's: it sends absent values there.
  if (name === 'limits of scaled integers') continue;
  test(`blocks.json: ${name}`, () => {
    const { sdk, engine, hw, streams, far, arrive } = site(declared(table), events[0]!.uptime);
    for (const { stream, name, uptime, values, value } of events) {
      engine.now = uptime;
      if (name !== undefined) sdk.sendUndeclared(name, value!);
      else {
        const made = streams.find((one) => one.name === stream)!;
        const given = Object.entries(values!).map(([field, content]) => [
          field,
          made.fields[field] === 20 && typeof content === 'string'
            ? Uint8Array.from(Buffer.from(content, 'hex'))
            : content,
        ]);
        assert.is(hw.send(made, Object.fromEntries(given)), 'ram');
      }
    }
    arrive();
    assert.equal(
      far.frames.map(({ block }) => block),
      [block],
    );
  });
}

test('the vectors are those that this test knows', () => {
  assert.is(blocks.filter(({ name }) => name === 'limits of scaled integers').length, 1);
  assert.ok(blocks.length >= 10);
});

for (const start of [0, 2 ** 31 - 5000, 2 ** 32 - 5000, 2 ** 45]) {
  test(`random events from ${start} ms on are read as they were sent`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const { sdk, engine, hw, streams, arrive } = site(declare, start, { bufferBytes: 65_536 });
      const make = samples(random, sdk, hw, streams);
      const sent: (Sample | false)[] = [];
      while (sent.length < 100) {
        // A clock that stands still, steady sampling, and gaps.
        engine.now += random.pick([0, 0, 1000, 1000, random.below(50), random.below(10_000_000)]);
        const sample = make(engine.clock());
        const taken = sample.send();
        if (sample.taken !== undefined) assert.is(taken, sample.taken);
        sent.push(taken === 'ram' ? sample : false);
      }
      const taken = arrive();
      assert.is(taken.length, 100);
      for (const [seq, sample] of sent.entries()) {
        const one = taken[seq]!;
        if (!sample) assert.is(one, 'refused');
        else assert.equal(sample.read(one as BlockEvent), sample.expected);
      }
    }
  });
}

test('values at their edges', () => {
  const types = { i: 0, f: 2, n: 9, u: 16, b: 17, x: 18, t: 19, r: 20 };
  const { hw, streams, sdk, arrive } = site((sdk) => [sdk.stream('all', types) as Stream], 0, {
    bufferBytes: 65_536,
  });
  const values: unknown[] = [
    ...[NaN, null, undefined, Infinity, -Infinity, 0, -0, 0.4, -0.4, 0.5, -0.5, -1, 1, 0.005],
    ...[SCALED_MAX, -SCALED_MAX, SCALED_MAX + 1, -SCALED_MAX - 1, SCALED_MAX / 100, 45e5, 46e5],
    ...[2 ** 52, 2 ** 53, 1e300, 5e-324, true, false, 'text', '', Uint8Array.of(0, 255)],
  ];
  const sent = values.flatMap((value) =>
    Object.keys(types).map((field) => ({
      // Text that is no number would be NaN, a boolean 0 or 1: the types forbid them in numbers.
      [field]: typeof value === 'number' || types[field as 'i'] > 16 ? value : null,
    })),
  );
  for (const one of sent) assert.is(hw.send(streams[0]!, one), 'ram');
  const taken = arrive() as BlockEvent[];
  assert.is(taken.length, sent.length);
  let outOfRange = 0;
  for (const [index, one] of sent.entries()) {
    const expected = Object.entries(types).map(([field, type]) => expectedValue(type, one[field]));
    assert.equal(taken[index]!.values.map(plain), expected, JSON.stringify(one));
    for (const [field, type] of Object.entries(types)) {
      const value = one[field];
      const scaled = type < 17 && typeof value === 'number' && !Number.isNaN(value);
      if (scaled && expectedValue(type, value) === null) outOfRange++;
    }
  }
  assert.is(sdk.stats().outOfRange, outOfRange);
  assert.is(sdk.stats().refused, 0);
});

test('absent values do not disturb the changes of the others', () => {
  const { hw, streams, arrive } = site((sdk) => [
    sdk.stream('s', { a: sdk.fixed(1), b: sdk.int }) as Stream,
  ]);
  const sent = [
    [1.5, 7],
    [null, 8],
    [1e300, null],
    [-1.5, 9],
    [NaN, -9],
    [SCALED_MAX / 10, SCALED_MAX],
    [-SCALED_MAX / 10, -SCALED_MAX],
  ];
  for (const [a, b] of sent) hw.send(streams[0]!, { a, b });
  assert.equal(
    (arrive() as BlockEvent[]).map(({ values }) => values),
    sent.map(([a, b]) => [a === 1e300 || Number.isNaN(a) ? null : a, b]),
  );
});

test('a refused event consumes its seq, and its loss arrives in its place', () => {
  const { sdk, engine, hw, streams, far, arrive } = site(declare);
  const [climate, , note] = streams as [Stream, Stream, Stream];
  const late = sdk.stream('late', { t: sdk.int }) as Stream;
  const bad: Record<string, () => unknown> = {
    'a foreign stream': () => hw.send({ name: 'x', fields: {}, index: 0 }, {}),
    'a late stream': () => hw.send(late, { t: 1 }),
    'no stream': () => hw.send(undefined as never, {}),
    'no values': () => hw.send(climate, undefined as never),
    'text too long for a block': () => hw.send(note, { text: 'x'.repeat(213) }),
    'bytes too long for a block': () => hw.send(note, { raw: new Uint8Array(221) }),
    'a getter that throws': () =>
      hw.send(climate, {
        get t(): number {
          throw new Error('no sensor');
        },
      }),
    'a bigint': () => hw.send(climate, { t: 1n }),
    'a symbol': () => hw.send(climate, { t: Symbol('t') }),
    'an object that throws': () =>
      hw.send(climate, {
        t: {
          valueOf() {
            throw new Error('no number');
          },
        },
      }),
    'no CBOR': () => sdk.sendUndeclared('note', undefined as never),
    'no name': () => sdk.sendUndeclared('', 1),
    'a name too long': () => sdk.sendUndeclared('n'.repeat(65), 1),
  };
  engine.now = 0;
  for (const [what, send] of Object.entries(bad)) {
    assert.is(hw.send(climate, { t: 1, rh: 2 }), 'ram');
    assert.is(send(), false, what);
  }
  assert.is(hw.send(climate, { t: 1, rh: 2 }), 'ram');
  const count = Object.keys(bad).length;
  assert.is(sdk.stats().refused, count);
  const taken = arrive();
  assert.is(taken.length, 2 * count + 1);
  for (const [seq, one] of taken.entries()) {
    if (seq % 2) assert.is(one, 'refused');
    else assert.equal((one as BlockEvent).values, [1, 2]);
  }
  assert.ok(far.frames.every(({ block }, index) => index % 2 === 0 || block === '8101'));
});

test('neighbouring losses are one range', () => {
  const { hw, streams, far, arrive } = site(declare);
  const foreign = { name: 'x', fields: {}, index: 0 };
  hw.send(streams[0]!, { t: 1, rh: 2 });
  for (let index = 0; index < 300; index++) hw.send(foreign, {});
  hw.send(streams[0]!, { t: 1, rh: 2 });
  assert.is(arrive().length, 302);
  assert.equal(
    far.frames.map(({ first, count }) => [first, count]),
    [
      [0, 1],
      [1, 300],
      [301, 1],
    ],
  );
});

test('an overflow: the oldest are lost, or with keepOldest what comes', () => {
  for (const keep of [false, true]) {
    const { sdk, engine, link } = device();
    const [climate] = declare(sdk) as [Stream];
    const far = farEnd(link);
    far.limit = 2 ** 32;
    const ram = sdk.ram(768);
    const store = keep ? { store: sdk.keepOldest(ram) } : {};
    const hw = sdk.producer({ device: 'mote-1', link, lingerMs: 0, ...store });
    for (let index = 0; index < 1000; index++) {
      assert.is(hw.send(climate, { t: index, rh: index }), 'ram');
    }
    // The open block too: what is given up once it was sent is not lost.
    sdk.flush(() => {}, 0);
    engine.advance(1000);
    far.hear();
    far.welcome();
    far.hear();
    assert.is(far.taken.length, 1000);
    const lost = far.taken.map((one) => typeof one === 'string' && one);
    const { dropped } = sdk.stats();
    assert.is(lost.filter((why) => why === 'overflow').length, dropped);
    assert.ok(dropped > 500 && dropped < 1000);
    assert.is(lost[0], keep ? false : 'overflow');
    assert.is(lost[998], keep ? 'overflow' : false);
  }
});

test('[W-19] a range has the reason of the newest loss', () => {
  const refuse = (sdk: Sdk) => sdk.sendUndeclared('', 1);
  const overflow = (sdk: Sdk) => {
    for (let index = 0; index < 5; index++) sdk.sendUndeclared('note', 'x'.repeat(200));
  };
  for (const [losses, reason] of [
    [[refuse, overflow], 'overflow'],
    [[overflow, refuse], 'refused'],
    [[overflow, refuse, overflow], 'overflow'],
  ] as const) {
    const { sdk, arrive } = site(() => []);
    for (const lose of losses) lose(sdk);
    const lost = arrive().filter((one) => typeof one === 'string');
    assert.ok(lost.length > 1);
    assert.equal([...new Set(lost)], [reason]);
  }
});

test('an event that fills a block to its last byte is taken, one byte more is not', () => {
  const { sdk, hw, streams, far, arrive } = site((sdk) => [
    sdk.stream('s', { text: sdk.text }) as Stream,
  ]);
  // Base and head are a byte each, the text's head two.
  assert.is(hw.send(streams[0]!, { text: 'x'.repeat(212) }), 'ram');
  assert.is(hw.send(streams[0]!, { text: 'x'.repeat(213) }), false);
  assert.is(hw.send(streams[0]!, { text: 'x'.repeat(211) }), 'ram');
  assert.is(hw.send(streams[0]!, {}), 'ram');
  assert.is(sdk.stats().refused, 1);
  arrive();
  assert.equal(
    far.frames.map(({ block }) => block.length / 2),
    [216, 2, 215, 3],
  );
});

test.run();
