// `headwater device add|list|rotate|revoke`. Standard output has the answer alone: of add and rotate each new key, once, as the line that the firmware
// needs; it is written nowhere else. What is said about it goes to standard error.

import { fstatSync } from 'node:fs';
import { complain } from '../complain.js';
import { ConfigError } from '../config-file.js';
import { deviceNames, keysFromOutside, keysPath, type Where, type Which } from './device-input.js';
import {
  addDevices,
  cancelRotation,
  type Entries,
  finishRotation,
  livingOf,
  newKey,
  revokeDevices,
  rotateDevices,
} from './registry-changes.js';
import { changeKeysFile, checkedKeys, KeysError, readKeysFile } from './registry-file.js';
import type { KeyEntry } from './registry-text.js';

export interface AddOptions extends Where, Which {
  key?: boolean;
  json?: boolean;
}

export interface RotateOptions extends AddOptions {
  /** ms; 7 days unless told. */
  keep?: number;
  finish?: boolean;
  cancel?: boolean;
}

export interface RevokeOptions extends Where, Which {
  old?: boolean;
}

export interface ListOptions extends Where {
  json?: boolean;
}

const keepMsUnlessTold = 7 * 86_400_000;

export function addCommand(options: AddOptions): Promise<number> {
  return ending(async () => {
    const { path, names, keys } = await given(options);
    await changeKeysFile(path, (entries) => addDevices(entries ?? [], names, keys, Date.now()));
    say(`${path}: ${textOf(names)} added; a proxy that runs knows within a second`);
    return await tellKeys(names, keys, options);
  });
}

export function rotateCommand(options: RotateOptions): Promise<number> {
  return ending(async () => {
    if (options.finish === true || options.cancel === true) return await endRotation(options);
    const { path, names, keys } = await given(options);
    const nowMs = Date.now();
    const keepMs = options.keep ?? keepMsUnlessTold;
    await changeKeysFile(path, (entries) =>
      rotateDevices(entries ?? [], names, keys, { nowMs, keepMs }),
    );
    const until = new Date(nowMs + keepMs).toISOString();
    say(`${path}: ${textOf(names)} rotated; until ${until} the key of before is valid, too`);
    return await tellKeys(names, keys, options);
  });
}

async function endRotation(options: RotateOptions): Promise<number> {
  if (options.finish === true && options.cancel === true) {
    throw new ConfigError('either --finish or --cancel');
  }
  if (options.key === true) throw new ConfigError('--key is for a new key');
  const { path, names } = await whichDevices(options);
  const change = options.finish === true ? finishRotation : cancelRotation;
  await changeKeysFile(path, (entries) => change(entries ?? [], names, Date.now()));
  const what = options.finish === true ? 'the old key is' : 'the new key is';
  say(
    `${path}: ${textOf(names)}: ${what} no longer valid; a proxy that runs knows within a second`,
  );
  return 0;
}

export function revokeCommand(options: RevokeOptions): Promise<number> {
  return ending(async () => {
    const { path, names } = await whichDevices(options);
    const change = options.old === true ? finishRotation : revokeDevices;
    await changeKeysFile(path, (entries) => change(entries ?? [], names, Date.now()));
    const what = options.old === true ? 'the old key is' : 'its keys are';
    say(
      `${path}: ${textOf(names)}: ${what} revoked; a proxy that runs ends such a session within a second`,
    );
    return 0;
  });
}

export function listCommand(options: ListOptions): Promise<number> {
  return ending(async () => {
    const path = await keysPath(options);
    const found = await readKeysFile(path);
    if (found === null) throw noRegistry(path);
    const nowMs = Date.now();
    const devices = devicesOf(livingOf(checkedKeys(path, found.text), nowMs));
    const lines = devices.map((device) =>
      options.json === true ? JSON.stringify(plain(device)) : lineOf(device, nowMs),
    );
    const rotating = devices.filter(({ old }) => old !== null).length;
    const sum = `${countOf(devices)}, ${rotating} in a rotation`;
    if (options.json !== true) lines.push(sum);
    await print(lines.map((line) => `${line}\n`).join(''));
    return 0;
  });
}

interface Device {
  name: string;
  newest: KeyEntry;
  old: KeyEntry | null;
}

function devicesOf(entries: Entries): Device[] {
  const old = new Map(
    entries.filter(({ untilMs }) => untilMs !== null).map((entry) => [entry.device, entry]),
  );
  return entries
    .filter(({ untilMs }) => untilMs === null)
    .map((newest) => ({ name: newest.device, newest, old: old.get(newest.device) ?? null }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function plain({ name, newest, old }: Device) {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const rotation = old === null ? null : { oldAdded: iso(old.addedMs), oldUntil: iso(old.untilMs) };
  return { device: name, added: iso(newest.addedMs), rotation };
}

function lineOf({ name, newest, old }: Device, nowMs: number): string {
  const key = `key made ${spanText(nowMs - newest.addedMs)} ago`;
  if (old?.untilMs == null) return `${name}  ${key}`;
  const left = spanText(old.untilMs - nowMs);
  return `${name}  ${key}; in a rotation, the one before it is valid for ${left} yet`;
}

/** Whole, of the largest unit of which there are two. */
function spanText(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ] as const;
  const [unit, unitMs] = units.find(([, unitMs]) => ms >= 2 * unitMs) ?? ['second', 1_000];
  const count = Math.max(0, Math.round(ms / unitMs));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

async function whichDevices(options: Where & Which): Promise<{ path: string; names: string[] }> {
  return { path: await keysPath(options), names: await deviceNames(options) };
}

async function given(options: AddOptions) {
  const { path, names } = await whichDevices(options);
  const isFromOutside = options.key === true;
  const keys = isFromOutside ? await keysFromOutside(names) : names.map(() => newKey());
  return { path, names, keys };
}

/** Keys from outside are known to whoever gave them, and are not shown. */
async function tellKeys(names: readonly string[], keys: readonly string[], options: AddOptions) {
  if (options.key === true) return 0;
  const stats = fstatSync(1);
  if (stats.isFile() && (stats.mode & 0o077) !== 0) {
    say('standard output is a file that others may read, and holds keys now: chmod 600 it');
  }
  const text = names.map((device, index) => {
    const line = `auth('${keys[index]}');`;
    const lines = `// ${device}\nimport { auth } from 'headwater/auth';\n${line}\n`;
    return options.json === true
      ? `${JSON.stringify({ device, key: keys[index], line })}\n`
      : lines;
  });
  if (await print(text.join(options.json === true ? '' : '\n'))) return 0;
  return complain(
    `${textOf(names)}: the new key could not be printed, and nobody has it: after \`add\` revoke the device and add it again, after \`rotate\` --cancel`,
    1,
  );
}

/** False where nobody reads. */
function print(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => resolve(error == null));
  });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function countOf(devices: readonly unknown[]): string {
  return `${devices.length} device${devices.length === 1 ? '' : 's'}`;
}

function textOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : countOf(names);
}

function noRegistry(path: string): KeysError {
  return new KeysError(`${path}: there is no registry yet; \`headwater device add\` makes it`);
}

async function ending(verb: () => Promise<number>): Promise<number> {
  try {
    return await verb();
  } catch (error) {
    if (error instanceof ConfigError) return complain(error.message, 2);
    if (error instanceof KeysError) return complain(error.message, 1);
    throw error;
  }
}
