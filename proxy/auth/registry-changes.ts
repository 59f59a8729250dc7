// What the verbs of `headwater device` make of the registry's entries: all of it, or a KeysError and nothing. A key whose time is over is left out
// on the way.

import { randomBytes } from 'node:crypto';
import { KeysError } from './registry-file.js';
import type { KeyEntry } from './registry-text.js';

export type Entries = readonly KeyEntry[];

const namesShown = 10;

/** 24 bytes of the system's source as 32 characters of base64url. */
export function newKey(): string {
  return randomBytes(24).toString('base64url');
}

/** `keys`: one for each of the names. */
export function addDevices(
  entries: Entries,
  names: readonly string[],
  keys: readonly string[],
  nowMs: number,
): KeyEntry[] {
  const living = livingOf(entries, nowMs);
  const known = new Set(living.map(({ device }) => device));
  refuse(
    names.filter((name) => known.has(name)),
    'known already; `headwater device rotate` gives a new key, `headwater device revoke` ends the old one',
  );
  refuseTwins(living, names, keys);
  return [...living, ...names.map((device, index) => fresh(device, keys[index]!, nowMs))];
}

/** The new keys come before the old ones, which are valid for `keepMs` yet. */
export function rotateDevices(
  entries: Entries,
  names: readonly string[],
  keys: readonly string[],
  { nowMs, keepMs }: { nowMs: number; keepMs: number },
): KeyEntry[] {
  const living = livingOf(entries, nowMs);
  refuseUnknown(living, names);
  const rotating = rotatingOf(living);
  refuse(
    names.filter((name) => rotating.has(name)),
    'in a rotation already; `rotate NAME --finish` ends it (the old key is no longer valid), `rotate NAME --cancel` takes it back (the new one is not)',
  );
  refuseTwins(living, names, keys);
  const next = new Map(names.map((name, index) => [name, keys[index]!]));
  return living.flatMap((entry) => {
    const key = next.get(entry.device);
    if (key === undefined) return [entry];
    return [fresh(entry.device, key, nowMs), { ...entry, untilMs: nowMs + keepMs }];
  });
}

/** Without the old keys. */
export function finishRotation(entries: Entries, names: readonly string[], nowMs: number) {
  const living = livingInRotation(entries, names, nowMs);
  const meant = new Set(names);
  return living.filter(({ device, untilMs }) => untilMs === null || !meant.has(device));
}

/** Without the new keys; the old ones have no end again. */
export function cancelRotation(entries: Entries, names: readonly string[], nowMs: number) {
  const meant = new Set(names);
  return livingInRotation(entries, names, nowMs)
    .filter(({ device, untilMs }) => untilMs !== null || !meant.has(device))
    .map((entry) => (meant.has(entry.device) ? { ...entry, untilMs: null } : entry));
}

export function revokeDevices(entries: Entries, names: readonly string[], nowMs: number) {
  const living = livingOf(entries, nowMs);
  refuseUnknown(living, names);
  const gone = new Set(names);
  return living.filter(({ device }) => !gone.has(device));
}

export function livingOf(entries: Entries, nowMs: number): KeyEntry[] {
  return entries.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);
}

function livingInRotation(entries: Entries, names: readonly string[], nowMs: number): KeyEntry[] {
  const living = livingOf(entries, nowMs);
  refuseUnknown(living, names);
  const rotating = rotatingOf(living);
  refuse(
    names.filter((name) => !rotating.has(name)),
    'in no rotation: there is no old key beside the new one',
  );
  return living;
}

function rotatingOf(entries: Entries): Set<string> {
  return new Set(entries.filter(({ untilMs }) => untilMs !== null).map(({ device }) => device));
}

function fresh(device: string, key: string, nowMs: number): KeyEntry {
  return { device, key, addedMs: nowMs, untilMs: null };
}

function refuseUnknown(entries: Entries, names: readonly string[]): void {
  const known = new Set(entries.map(({ device }) => device));
  refuse(
    names.filter((name) => !known.has(name)),
    'not known; `headwater device list` has those that are',
  );
}

/** Keys from outside: two devices with one key are one device to whoever steals it. */
function refuseTwins(entries: Entries, names: readonly string[], keys: readonly string[]): void {
  const owners = new Map(entries.map(({ device, key }) => [key, device]));
  for (const [index, key] of keys.entries()) {
    const owner = owners.get(key);
    const name = names[index]!;
    if (owner !== undefined) {
      throw new KeysError(
        `${name}: this key is one of ${owner}; each key is one device's, and is used once`,
      );
    }
    owners.set(key, name);
  }
}

function refuse(names: readonly string[], why: string): void {
  if (names.length === 0) return;
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  const are = names.length > 1 ? 'are' : 'is';
  throw new KeysError(
    `${names.slice(0, namesShown).join(', ')}${more} ${are} ${why}; nothing was changed`,
  );
}
