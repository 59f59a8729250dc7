// A device that keeps its events in a file, as a board does in its flash: the SDK itself, an instance for each of its lives. Its power can end, and its flash
// be copied. What its send() took is written down here.

import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { nodeStream } from '../../sdk/links/node-stream.js';
import { type Sdk, sdkFactory } from '../../targets/instance.js';
import { until } from '../site/until.js';

const factory = sdkFactory();
const flashBytes = 65_536;

export class Flash {
  readonly path: string;
  readonly #folder: string;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
    this.path = join(this.#folder, 'flash');
  }
  async copy(): Promise<Flash> {
    const copy = new Flash();
    await copyFile(this.path, copy.path);
    return copy;
  }
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface LifeOptions {
  device: string;
  key: string;
  flash: Flash;
  /** Of its values: whose they are. */
  who: string;
  connect: () => Duplex;
}

export class Life {
  /** That send() took, as values. */
  readonly sent: string[] = [];
  /** Whether its link goes anywhere. */
  isPlugged = true;
  readonly #sdk: Sdk;
  readonly #options: LifeOptions;
  readonly #send: (n: number) => unknown;
  #stream: Duplex | null = null;
  #isOn = true;
  #next = 0;

  static async boot(options: LifeOptions): Promise<Life> {
    return new Life(options, await factory);
  }

  private constructor(options: LifeOptions, instantiate: Awaited<typeof factory>) {
    this.#options = options;
    const { device, key, flash, who } = options;
    const bootedMs = performance.now();
    const sdk = instantiate({
      clock: () => Math.floor(performance.now() - bootedMs),
      after: (task, delayMs) => setTimeout(() => this.#isOn && task(), delayMs),
      cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
      random: Math.random,
    });
    this.#sdk = sdk;
    if (key !== '') sdk.auth(key);
    const of = sdk.stream('life', { who: sdk.text, n: sdk.uint });
    const link = nodeStream(() => this.#connect());
    const store = sdk.file(flash.path, flashBytes)!;
    const producer = sdk.producer({
      ...{ device, link, store, bufferBytes: 2_048 },
      ...{ lingerMs: 20, retryBackoffMs: 100, ackTimeoutMs: 1_000 },
    });
    this.#send = (n) => producer.send(of, { who, n });
  }

  #connect(): Duplex {
    const stream = this.#options.connect();
    this.#stream = stream;
    if (!this.isPlugged) setImmediate(() => stream.destroy());
    return stream;
  }

  send(count: number): void {
    for (let at = 0; at < count; at++) {
      const n = this.#next++;
      if (this.#send(n) !== false) this.sent.push(`${this.#options.who} ${n}`);
    }
  }

  /** What was sent is in the flash. */
  async stored(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  /** Until all that it holds is acknowledged. */
  async safe(): Promise<void> {
    let isSafe = false;
    const ask = () =>
      this.#sdk.flush((isAll) => {
        isSafe = isAll;
        if (!isAll && this.#isOn) ask();
      }, 1_000);
    ask();
    await until(() => isSafe);
  }

  unplug(): void {
    this.isPlugged = false;
    this.#stream?.destroy();
  }

  cutPower(): void {
    this.#isOn = false;
    this.#stream?.destroy();
  }
}
