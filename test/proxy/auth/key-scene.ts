// A registry in a folder of its own, an open one with a log and a clock that the test may move, and the built command beside it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRegistry, type Registry } from '../../../proxy/auth/registry.js';
import { type Clock, systemClock } from '../../../proxy/clock.js';
import type { Log } from '../../../proxy/log.js';
import { until } from '../../site/until.js';

const command = fileURLToPath(new URL('../../../headwater.js', import.meta.url));

export interface Said {
  code: number | null;
  out: string;
  error: string;
}

export class KeyScene {
  readonly folder: string;
  readonly file: string;
  /** All that the registry logged. */
  readonly logged: { level: string; fields: object; text: string }[] = [];
  readonly revoked: string[] = [];
  /** Added to the wall clock. */
  laterMs = 0;
  /** Added to the monotonic clock. */
  stuckMs = 0;
  /** Called when a look has begun and has no answer yet. */
  onLook = () => {};
  #open: Registry[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.file = join(folder, 'devices.keys');
  }

  static async begin(): Promise<KeyScene> {
    return new KeyScene(await mkdtemp(join(tmpdir(), 'headwater-keys-')));
  }

  async end(): Promise<void> {
    for (const registry of this.#open) registry.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async open(): Promise<Registry> {
    const entry = (level: string) => (fields: object, text: string) => {
      this.logged.push({ level, fields, text });
    };
    const log: Log = {
      ...{ debug: entry('debug'), info: entry('info') },
      ...{ warn: entry('warn'), error: entry('error') },
    };
    const machine = systemClock();
    const clock: Clock = {
      ...machine,
      nowMs: () => Date.now() + this.laterMs,
      monotonicMs: () => machine.monotonicMs() + this.stuckMs,
      after: (delayMs, task) =>
        machine.after(delayMs, () => {
          task();
          this.onLook();
        }),
    };
    const registry = await openRegistry(this.file, { clock, log });
    this.#open.push(registry);
    registry.onRevoked((device) => this.revoked.push(device));
    return registry;
  }

  errors(): string[] {
    return this.logged.filter(({ level }) => level === 'error').map(({ text }) => text);
  }

  /** `headwater device …` of this registry. */
  run(...words: string[]): Promise<Said> {
    return this.headwater(['device', ...words, '--keys', this.file]);
  }

  async headwater(words: string[], input = ''): Promise<Said> {
    const child = spawn(process.execPath, [command, ...words], { stdio: 'pipe' });
    const said: Said = { code: null, out: '', error: '' };
    child.stdout.on('data', (chunk) => {
      said.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      said.error += chunk;
    });
    // Who does not read it ends before.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { ...said, code };
  }

  async text(): Promise<string> {
    return await readFile(this.file, 'utf8');
  }

  async write(text: string): Promise<void> {
    await writeFile(this.file, text, { mode: 0o600 });
  }
}

/** As it is in memory. */
export function keysOf(registry: Registry, device: string): string[] {
  return registry.of(device).map((key) => Buffer.from(key).toString('latin1'));
}

export { until };
