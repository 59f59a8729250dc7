import fc from 'fast-check';
import { CborReader } from '../../../proxy/cbor.js';
import { Fragments } from '../../../proxy/fragments.js';
import { FRAME_BYTES_MAX } from '../../../sdk/wire.js';
import { TestClock } from '../../proxy/talk.js';
import { bytesOf, frame, item } from '../arbitraries.js';
import { join, uint } from '../cbor-writer.js';
import { decodeScript, encodeScript, type Step } from '../script.js';
import { check, same, type Target } from '../target.js';

// FRAGMENTs of one channel, and time between them.

const operations = ['fragment', 'fragment', 'fragment', 'time'] as const;
const stepsMax = 400;

/** What PROTOCOL.md §11 says of the parts so far. */
interface Model {
  number: number;
  parts: Uint8Array[];
  cameAtMs: number;
}

function run(input: Uint8Array): string {
  const clock = new TestClock();
  const fragments = new Fragments(clock);
  const model: Model = { number: -1, parts: [], cameAtMs: 0 };
  const outcomes = new Set<string>();
  for (const { operation, bytes } of decodeScript(input, operations.length, stepsMax)) {
    if (operations[operation] === 'time') {
      clock.advance((bytes[0] ?? 0) * 100);
      continue;
    }
    const body = join(Uint8Array.of(13), bytes);
    const found = fragments.take(body);
    outcomes.add(found.type === 'dropped' ? found.why : found.type);
    judge(model, body, found, clock.monotonicMs());
  }
  return [...outcomes].sort().join(' ');
}

function judge(
  model: Model,
  body: Uint8Array,
  found: ReturnType<Fragments['take']>,
  nowMs: number,
): void {
  const reader = new CborReader(body, 1);
  const number = reader.uint(65_535, 'number');
  const index = reader.uint(2 ** 53, 'index');
  const last = reader.uint(1, 'last');
  if (found.type === 'dropped') {
    // What came before goes with it, but for a fragment that nobody can read.
    if (found.why !== 'malformed') Object.assign(model, { number: -1, parts: [] });
    return;
  }
  check(!reader.done, 'a fragment that can not be read was taken');
  const isNew = index === 0 && (number !== model.number || model.parts.length === 0);
  if (isNew) Object.assign(model, { number, parts: [] });
  const isNext = number === model.number && index === model.parts.length;
  if (isNext) {
    check(isNew || nowMs - model.cameAtMs <= 5_000, 'a part that came too late was taken');
    model.parts.push(body.slice(reader.at));
    model.cameAtMs = nowMs;
  } else
    check(
      found.type === 'waiting' && index < model.parts.length,
      'a part was taken out of its turn',
    );
  const whole = join(...model.parts);
  check(whole.length <= FRAME_BYTES_MAX, 'more is held than a frame');
  if (found.type === 'waiting') {
    check(!isNext || last === 0, 'the last part was taken, and no frame given');
    return;
  }
  check(isNext && last === 1 && same(found.frame, whole), 'a frame that is not its parts');
  Object.assign(model, { number: -1, parts: [] });
}

const fragment = fc
  .tuple(
    fc.oneof({ weight: 8, arbitrary: fc.nat(2).map(uint) }, { weight: 1, arbitrary: item }),
    fc.oneof({ weight: 8, arbitrary: fc.nat(4).map(uint) }, { weight: 1, arbitrary: item }),
    fc.constantFrom(0, 0, 1, 2),
    fc.oneof(
      { weight: 5, arbitrary: bytesOf(40) },
      { weight: 1, arbitrary: fc.constant(new Uint8Array(900)) },
    ),
  )
  .map(([number, index, last, part]) => join(number, index, uint(last), part));

/** A frame cut in parts, as a device does, some of them twice or out of order. */
export const parts = fc
  .tuple(fc.nat(3), frame, fc.integer({ min: 1, max: 200 }))
  .map(([number, whole, size]) => {
    const count = Math.max(1, Math.ceil(whole.length / size));
    return Array.from({ length: count }, (_, index) => {
      const part = whole.subarray(index * size, (index + 1) * size);
      return join(uint(number), uint(index), uint(index + 1 === count ? 1 : 0), part);
    });
  });

const script = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fragment.map((bytes): Step[] => [{ operation: 0, bytes }]) },
    {
      weight: 2,
      arbitrary: parts.map((all) => all.map((bytes): Step => ({ operation: 0, bytes }))),
    },
    { weight: 1, arbitrary: bytesOf(1).map((bytes): Step[] => [{ operation: 3, bytes }]) },
  ),
  { maxLength: 12 },
);

export const fragmentsTarget: Target = {
  name: 'fragments',
  checks:
    'a frame is its parts, each once, in order and in time; no more than a frame is held; what is dropped is said',
  arbitrary: script.map((steps) => encodeScript(steps.flat())),
  seeds: () =>
    fc.sample(script, { numRuns: 8, seed: 1 }).map((steps, index) => ({
      name: `script ${index}`,
      bytes: encodeScript(steps.flat()),
    })),
  fresh: () => ({ run }),
};
