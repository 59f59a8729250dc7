// What the verbs of `headwater device` are given: which registry, which devices, keys from outside. A mistake is a ConfigError, and never repeats a key.

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { NAME } from '../../sdk/wire.js';
import { readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import { keyTrouble } from './registry-text.js';

export interface Where {
  config?: string;
  keys?: string;
}

export interface Which {
  names: string[];
  /** A file with a name a line. */
  from?: string;
}

/** The registry's path, from the one or the other. */
export async function keysPath({ config, keys }: Where): Promise<string> {
  if (keys !== undefined && config === undefined) return keys;
  if (config === undefined || keys !== undefined) {
    throw new ConfigError(
      "either --config with the proxy's site.yaml, or --keys with the registry itself",
    );
  }
  const found = (await readConfig(config)).keys;
  if (found !== undefined) return found;
  throw new ConfigError(
    `${config}: no registry is named there; add \`keys: ./devices.keys\` at the top`,
  );
}

/** At least one, each once. */
export async function deviceNames({ names, from }: Which): Promise<string[]> {
  const all = [...names, ...(from === undefined ? [] : await namesIn(from))];
  if (all.length === 0) throw new ConfigError('which device? Give its name, or --from with a list');
  for (const name of names) {
    if (!NAME.test(name)) throw new ConfigError(`${JSON.stringify(name)}: ${nameForm}`);
  }
  const seen = new Set<string>();
  for (const name of all) {
    if (seen.has(name)) throw new ConfigError(`${name}: it is named twice`);
    seen.add(name);
  }
  return all;
}

const nameForm = "a device's name is 1 to 64 characters of printable ASCII";

async function namesIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ConfigError(`${file}: ${error.message}`);
  });
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const names: string[] = [];
  for (const [index, name] of lines.entries()) {
    if (name === '') continue;
    const where = `${file}:${index + 1}`;
    if (!NAME.test(name)) throw new ConfigError(`${where}: ${nameForm}`);
    // A name may; in a list nobody sees it, and its device would be refused.
    if (name.trim() !== name) throw new ConfigError(`${where}: a space before or behind the name`);
    names.push(name);
  }
  return names;
}

/** From standard input, a line for each of the names: who lists the processes of a machine sees their arguments. */
export async function keysFromOutside(names: readonly string[]): Promise<string[]> {
  const isTyped = process.stdin.isTTY === true;
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: isTyped });
  const keys: string[] = [];
  const ask = () => {
    const name = names[keys.length];
    if (isTyped && name !== undefined) process.stderr.write(`key of ${name} (it is not shown): `);
  };
  ask();
  for await (const line of lines) {
    if (isTyped) process.stderr.write('\n');
    const wrong = keyTrouble(line);
    if (keys.length < names.length && wrong !== null) {
      throw new ConfigError(`standard input:${keys.length + 1}: a key is ${wrong}`);
    }
    keys.push(line);
    if (isTyped && keys.length === names.length) break;
    ask();
  }
  lines.close();
  if (keys.length === names.length) return keys;
  const expected = names.length === 1 ? 'a key' : `${names.length} keys, a line each`;
  throw new ConfigError(`standard input: expected ${expected}, and found ${keys.length} lines`);
}
