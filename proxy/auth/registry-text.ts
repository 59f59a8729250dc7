// The registry of devices' keys as text: JSON lines, the first one the format and its version, then a line for each key. Checked whole: each
// mistake with its line, and no mistake repeats what it found there, which may be a key.
//
//   {"headwater":"keys","version":1}
//   {"device":"press-07","key":"…","added":"2026-11-27T17:00:00.000Z"}
//   {"device":"press-07","key":"…","added":"2026-01-03T08:12:00.000Z","until":"2026-12-04T17:00:00.000Z"}
//
// A device has one key without an end, and during a rotation the old one beside it, which ends at `until`. No two keys are alike.

import { NAME } from '../../sdk/wire.js';

export interface KeyEntry {
  device: string;
  /** Its ASCII bytes are the key: a board decodes nothing. */
  key: string;
  addedMs: number;
  /** Null: no end. */
  untilMs: number | null;
}

export interface Mistake {
  /** From 1. */
  line: number;
  text: string;
}

/** What every shell, quotation and C string takes as it is; at most a block of SHA-256, which HMAC takes without hashing it first. */
const keyForm = /^[A-Za-z0-9+/=_.~:-]{16,64}$/;
const differentMin = 8;
const version = 1;
const head = { headwater: 'keys', version };

/** What is wrong with a key, without the key; null: nothing. */
export function keyTrouble(key: string): string | null {
  if (!keyForm.test(key)) return '16 to 64 letters, digits and + / = _ . ~ : -';
  return isPoor(key) ? `at least ${differentMin} different characters: let chance make it` : null;
}

function isPoor(key: string): boolean {
  let different = '';
  for (const character of key) {
    if (different.includes(character)) continue;
    different += character;
    if (different.length === differentMin) return false;
  }
  return true;
}

export function keysText(entries: readonly KeyEntry[]): string {
  const lines = entries.map(({ device, key, addedMs, untilMs }) => ({
    ...{ device, key, added: isoOf(addedMs) },
    ...(untilMs === null ? {} : { until: isoOf(untilMs) }),
  }));
  return `${[head, ...lines].map((line) => JSON.stringify(line)).join('\n')}\n`;
}

/** Where there is a mistake, nothing of the entries is to be used. */
export function parseKeys(text: string): { entries: KeyEntry[]; mistakes: Mistake[] } {
  const [first = '', ...rest] = text.split('\n');
  const wrong = headTrouble(objectOf(first));
  if (wrong !== null) return { entries: [], mistakes: [{ line: 1, text: wrong }] };
  const entries: KeyEntry[] = [];
  const mistakes: Mistake[] = [];
  const seen = new Seen();
  for (const [index, content] of rest.entries()) {
    if (content.trim() === '') continue;
    const line = index + 2;
    const entry = entryOf(objectOf(content));
    const found = typeof entry === 'string' ? entry : seen.add(entry, line);
    if (found !== null) mistakes.push({ line, text: found });
    if (typeof entry !== 'string') entries.push(entry);
  }
  for (const line of seen.withoutNew()) {
    mistakes.push({
      line,
      text: 'the device has only a key that ends: one of its lines has no until',
    });
  }
  return { entries, mistakes };
}

function headTrouble(found: Record<string, unknown> | null): string | null {
  if (found?.headwater !== head.headwater) {
    return `this is no registry of keys: it begins with ${JSON.stringify(head)}`;
  }
  if (found.version === version) return null;
  return `it was written by another version of headwater: this one reads version ${version}`;
}

const lineForm = 'expected {"device": …, "key": …, "added": …} and perhaps "until"';
const members: ReadonlySet<string> = new Set(['device', 'key', 'added', 'until']);

/** Or what is wrong with it. */
function entryOf(found: Record<string, unknown> | null): KeyEntry | string {
  if (found === null || Object.keys(found).some((name) => !members.has(name))) return lineForm;
  const { device, key, added, until } = found;
  if (typeof device !== 'string' || !NAME.test(device)) {
    return 'device: expected 1 to 64 characters of printable ASCII';
  }
  if (typeof key !== 'string') return 'key: expected a text';
  const wrong = keyTrouble(key);
  if (wrong !== null) return `key: expected ${wrong}`;
  const addedMs = timeOf(added);
  const untilMs = until === undefined ? null : timeOf(until);
  if (addedMs === undefined || untilMs === undefined) {
    return `${addedMs === undefined ? 'added' : 'until'}: expected a time as 2026-11-27T17:00:00Z`;
  }
  return { device, key, addedMs, untilMs };
}

/** What lies before a line, to be compared with it. */
class Seen {
  readonly #keys = new Map<string, number>();
  readonly #devices = new Map<string, { line: number; newest?: number; old?: number }>();

  add({ device, key, untilMs }: KeyEntry, line: number): string | null {
    const twin = this.#keys.get(key);
    if (twin !== undefined) return `the key of line ${twin} again: who has one would have both`;
    this.#keys.set(key, line);
    const own = this.#devices.get(device) ?? { line };
    this.#devices.set(device, own);
    const which = untilMs === null ? 'newest' : 'old';
    const other = own[which];
    own[which] ??= line;
    if (other === undefined) return null;
    const what = untilMs === null ? 'a key without until' : 'a key with until';
    return `the device has ${what} already, at line ${other}`;
  }

  /** The first line of each device that has only a key that ends. */
  withoutNew(): number[] {
    return [...this.#devices.values()]
      .filter(({ newest }) => newest === undefined)
      .map(({ line }) => line);
  }
}

/** Null where it is none. JSON.parse's own complaint would show the line. */
function objectOf(line: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(line);
    return typeof found === 'object' && !Array.isArray(found)
      ? (found as Record<string, unknown> | null)
      : null;
  } catch {
    return null;
  }
}

function timeOf(found: unknown): number | undefined {
  if (typeof found !== 'string') return undefined;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(found)) return undefined;
  const ms = Date.parse(found);
  // To `Date`, February has 31 days: the last of them are in March.
  const isDay = new Date(ms).getUTCDate() === Number(found.slice(8, 10));
  return isDay ? ms : undefined;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
