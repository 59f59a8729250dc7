import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';
import type { Seed, Target } from './target.js';

// The committed inputs of a target, one file of hex for each. An input that once broke something has the reason in its name and stays for
// ever; the others are there since each reaches an outcome that none before did.

interface File {
  about: string;
  inputs: { name: string; hex: string }[];
}

const pathOf = (name: string) => join(projectFolder, 'test/fuzz/corpus', `${name}.json`);

/** That of the file; where there is none, what the target begins with. */
export function readCorpus(target: Pick<Target, 'name' | 'seeds'>): Seed[] {
  const path = pathOf(target.name);
  if (!existsSync(path)) return target.seeds();
  const { inputs } = JSON.parse(readFileSync(path, 'utf8')) as File;
  return inputs.map(({ name, hex }) => ({ name, bytes: fromHex(hex) }));
}

/** Answers the file's path. */
export function writeCorpus({ name, checks }: Target, inputs: readonly Seed[]): string {
  const path = pathOf(name);
  const rows = inputs.map((one) => JSON.stringify({ name: one.name, hex: toHex(one.bytes) }));
  const about = JSON.stringify(`npm run fuzz -- --target ${name}. Holds of each: ${checks}`);
  writeFileSync(path, `{"about": ${about},\n"inputs": [\n${rows.join(',\n')}\n]}\n`);
  return path;
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
