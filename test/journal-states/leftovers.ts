import type { Leftover, SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import type { Random } from '../random.js';

// Every disk that a crash at this moment may leave. A kill leaves all that was written, the last write perhaps in
// part. A power cut leaves any part of what was not synced: with up to `allOfMax` pieces each of the 2^n, with more
// the prefixes, each piece alone, each one missing, and some drawn at random.

export const crashes = [
  'kill', // between two calls
  'kill, torn', // in the middle of a write
  'power, nothing', // that was not synced is there
  'power, prefix', // what was called first
  'power, any order',
  'power, everything',
] as const;
export type Crash = (typeof crashes)[number];

export interface Left {
  crash: Crash;
  disk: SimulatedDisk;
  /** For a person. */
  text: string;
}

const allOfMax = 6;
/** Of each kind of choice where there are too many for all of them. */
const drawnMax = 8;

export function* leftovers(disk: SimulatedDisk, random: Random): Generator<Left> {
  const pieces = disk.pieces();
  for (const kept of choices(pieces.length, random)) {
    const some = pieces.filter((_, at) => kept[at]);
    yield { crash: crashOf(kept), disk: disk.cutTo(some), text: textOf(pieces, kept) };
  }
  yield { crash: 'kill', disk: disk.killAt(null), text: 'all that was written is there' };
  for (const done of drawn(disk.tears(), random)) {
    const text = `the last write ends after ${done} bytes`;
    yield { crash: 'kill, torn', disk: disk.killAt(done), text };
  }
}

function* choices(count: number, random: Random): Generator<boolean[]> {
  const flags = (keeps: (at: number) => boolean) =>
    Array.from({ length: count }, (_, at) => keeps(at));
  if (count <= allOfMax) {
    for (let bits = 0; bits < 1 << count; bits++) yield flags((at) => ((bits >> at) & 1) === 1);
    return;
  }
  const all = flags(() => true);
  const places = [...all.keys()];
  yield flags(() => false);
  yield all;
  for (const length of drawn(places, random)) yield flags((at) => at < length);
  for (const one of drawn(places, random)) yield flags((at) => at === one);
  for (const one of drawn(places, random)) yield flags((at) => at !== one);
  for (let more = drawnMax; more > 0; more--) yield flags(() => random.chance(0.5));
}

/** All of a few; of many some. */
function drawn<T>(all: readonly T[], random: Random): T[] {
  if (all.length <= drawnMax) return [...all];
  return Array.from({ length: drawnMax }, () => random.pick(all));
}

function crashOf(kept: readonly boolean[]): Crash {
  const count = kept.filter((one) => one).length;
  if (count === 0) return 'power, nothing';
  if (count === kept.length) return 'power, everything';
  return kept.slice(0, count).every((one) => one) ? 'power, prefix' : 'power, any order';
}

function textOf(pieces: readonly Leftover[], kept: readonly boolean[]): string {
  if (pieces.length === 0) return 'everything was synced';
  return pieces.map((one, at) => `${kept[at] ? 'kept' : 'lost'}: ${pieceText(one)}`).join('; ');
}

function pieceText({ kind, name, piece }: Leftover): string {
  if (kind === 'removal') return `the removal of ${name}`;
  if (kind === 'name') return `the name ${name}`;
  if (piece === null || piece.kind === 'length') return `the length of ${name}`;
  const end = piece.position + piece.bytes.length;
  return `bytes ${piece.position} to ${end} of ${name}`;
}
