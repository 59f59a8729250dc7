// The registry of devices' keys as the proxy asks it: in memory, and as its file is now, within half a second. A key that is gone from the file or
// whose time is over is not valid from then on, and who listens is told. A file that can't be read later keeps what was read last: a typing error
// must not shut a site out. But then a revocation may be in it that has no effect, so that is an error in the log, and trouble() says it as long
// as it lasts.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { DeviceKeys } from './auth.js';
import { checkedKeys, KeysError, keysStamp, readKeysFile } from './registry-file.js';
import type { KeyEntry } from './registry-text.js';

export interface RegistryParts {
  clock: Clock;
  log: Log;
}

export interface Registry extends DeviceKeys {
  close(): void;
}

/** fs.watch is not on every file system, and loses events when a file is replaced. */
const lookEveryMs = 400;
const lookLateMs = 5_000;

/** Rejects with a KeysError, and what to do, where the file is not there, damaged, or open to others. */
export async function openRegistry(path: string, parts: RegistryParts): Promise<Registry> {
  const registry = new FileRegistry(path, parts);
  await registry.open();
  return registry;
}

/** Each device's newest valid key, as the file is now. Rejects with a KeysError. */
export async function readKeys(path: string): Promise<Map<string, string>> {
  const found = await readKeysFile(path);
  const entries = found === null ? [] : checkedKeys(path, found.text);
  const newest = new Map<string, string>();
  for (const [device, own] of byDevice(entries)) {
    const [key] = validOf(own, Date.now());
    if (key !== undefined) newest.set(device, key);
  }
  return newest;
}

class FileRegistry implements Registry {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners: ((device: string) => void)[] = [];
  /** Valid now: the newest first. */
  #valid = new Map<string, readonly string[]>();
  /** Of the devices of which a key has an end, all keys. */
  #ending: ReadonlyMap<string, readonly KeyEntry[]> = new Map();
  /** Of what was read last, damaged or not; null: it could not be read, so the next look tries again. */
  #stamp: string | null = null;
  #readMs = 0;
  #trouble: string | null = null;
  /** Monotonic; null: no look is under way. */
  #lookBeganMs: number | null = null;
  #isClosed = false;
  #cancel = () => {};

  constructor(path: string, { clock, log }: RegistryParts) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
  }

  async open(): Promise<void> {
    this.#take(await this.#read());
    const counts = { devices: this.#valid.size, rotating: this.#ending.size };
    this.#log.info({ path: this.#path, ...counts }, "devices' keys");
    this.#lookLater();
  }

  of(device: string): readonly Uint8Array[] {
    return (this.#valid.get(device) ?? []).map((key) => Buffer.from(key, 'latin1'));
  }

  onRevoked(listener: (device: string) => void): void {
    this.#listeners.push(listener);
  }

  trouble(): string | null {
    const began = this.#lookBeganMs;
    if (began === null || this.#clock.monotonicMs() - began < lookLateMs) return this.#trouble;
    return `${this.#path}: the file system gives no answer; ${this.#asRead()}`;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#cancel = this.#clock.after(lookEveryMs, () => {
      this.#look().finally(() => this.#lookLater());
    });
  }

  async #look(): Promise<void> {
    this.#lookBeganMs = this.#clock.monotonicMs();
    try {
      const stamp = await keysStamp(this.#path);
      const entries = stamp === null || stamp !== this.#stamp ? await this.#read() : null;
      if (this.#isClosed) return;
      if (entries !== null) this.#adopt(entries);
      else this.#expire();
    } catch (error) {
      if (!(error instanceof KeysError)) throw error;
      if (this.#isClosed) return;
      this.#complain(error.message);
      this.#expire();
    } finally {
      this.#lookBeganMs = null;
    }
  }

  async #read(): Promise<KeyEntry[]> {
    this.#stamp = null;
    const found = await readKeysFile(this.#path);
    if (found === null) {
      throw new KeysError(
        `${this.#path}: there is no such file; \`headwater device add NAME --keys ${this.#path}\` makes it`,
      );
    }
    this.#stamp = found.stamp;
    return checkedKeys(this.#path, found.text);
  }

  #adopt(entries: readonly KeyEntry[]): void {
    const before = this.#valid.size;
    this.#trouble = null;
    const revoked = this.#take(entries);
    const counts = { devices: this.#valid.size, before, revoked: revoked.length };
    this.#log.info({ path: this.#path, ...counts }, "devices' keys were read again");
    this.#tell(revoked, 'a key of it is no longer valid: it was revoked or replaced');
  }

  /** Answers the devices of which a key is not valid any more. */
  #take(entries: readonly KeyEntry[]): string[] {
    const nowMs = this.#clock.nowMs();
    const before = this.#valid;
    this.#readMs = nowMs;
    this.#valid = new Map();
    for (const [device, own] of byDevice(entries)) this.#valid.set(device, validOf(own, nowMs));
    const endingDevices = new Set(
      entries.filter(({ untilMs }) => untilMs !== null).map(({ device }) => device),
    );
    this.#ending = byDevice(entries.filter(({ device }) => endingDevices.has(device)));
    return [...before]
      .filter(([device, keys]) => lacksOne(this.#valid.get(device), keys))
      .map(([device]) => device);
  }

  /** Asked of the wall clock anew each time, which may have been wrong when the file was read. */
  #expire(): void {
    const nowMs = this.#clock.nowMs();
    const ended: string[] = [];
    for (const [device, own] of this.#ending) {
      const keys = validOf(own, nowMs);
      const before = this.#valid.get(device) ?? [];
      if (keys.length === before.length) continue;
      this.#valid.set(device, keys);
      if (lacksOne(keys, before)) ended.push(device);
    }
    this.#tell(ended, 'its old key has ended');
  }

  #tell(devices: readonly string[], why: string): void {
    for (const device of devices) {
      this.#log.info({ device }, why);
      for (const listener of this.#listeners) listener(device);
    }
  }

  #complain(what: string): void {
    const text = `${what.replaceAll('\n', '; ')}; ${this.#asRead()}`;
    if (text === this.#trouble) return;
    this.#trouble = text;
    this.#log.error({}, text);
  }

  #asRead(): string {
    const time = new Date(this.#readMs).toISOString();
    return `devices' keys are as they were read at ${time}, and a revocation since then has NO effect`;
  }
}

function byDevice(entries: readonly KeyEntry[]): Map<string, KeyEntry[]> {
  const devices = new Map<string, KeyEntry[]>();
  for (const entry of entries) {
    const own = devices.get(entry.device);
    if (own === undefined) devices.set(entry.device, [entry]);
    // The one without an end is the newest, wherever in the file it stands.
    else if (entry.untilMs === null) own.unshift(entry);
    else own.push(entry);
  }
  return devices;
}

function validOf(entries: readonly KeyEntry[], nowMs: number): string[] {
  return entries.filter(({ untilMs }) => untilMs === null || untilMs > nowMs).map(({ key }) => key);
}

function lacksOne(keys: readonly string[] | undefined, before: readonly string[]): boolean {
  return before.some((key) => keys?.includes(key) !== true);
}
