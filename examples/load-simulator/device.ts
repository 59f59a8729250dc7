// One device: the SDK itself, an instance for each of its boots, on the scheduler's time. It can lose its power, sleep, and leave. What its
// send() took goes into the ledger; when the proxy acknowledges, the SDK tells its store, which is where that is heard.

import type { Duplex } from 'node:stream';
import type { Sdk, sdkFactory } from 'headwater/instance';
import { nodeStream } from 'headwater/links/node-stream';
import { FaultyLink } from './faulty-link.js';
import type { Ledger, Pages } from './ledger.js';
import type { Page } from './page.js';
import { randomOf } from './random.js';
import type { Scheduler, Task } from './scheduler.js';
import { textHash } from './text-hash.js';
import type { Values, Workload } from './workload.js';

export type Instantiate = Awaited<ReturnType<typeof sdkFactory>>;

export interface Surroundings {
  instantiate: Instantiate;
  scheduler: Scheduler;
  ledger: Ledger;
  workload: Workload;
  seed: number;
  bufferBytes: number;
  lingerMs: number;
  /** Where the proxy asks for one. */
  key: string | null;
  /** The link's near end, anew for each opening. */
  connect(): Duplex;
}

export type DeviceState = 'on' | 'asleep' | 'leaving' | 'off';

/** Of a block at most: what an event may need in the store. */
const roomBytes = 320;

interface Life {
  sdk: Sdk;
  page: Page;
  boot: number;
  /** Bytes that the store takes without giving any up. */
  room(): number;
  send(values: Values): boolean;
}

export class Device {
  readonly name: string;
  readonly index: number;
  readonly link: FaultyLink;
  readonly pages: Pages;
  state: DeviceState = 'off';
  /** Of the workload, the next. */
  row = 0;
  /** How fast its clock runs: 1 is right. */
  clockRate = 1;
  /** Called at each acknowledgement. */
  onAcknowledged: () => void = () => {};
  readonly #around: Surroundings;
  #life: Life | null = null;
  #wakes: (() => void)[] = [];

  constructor(index: number, name: string, around: Surroundings) {
    this.index = index;
    this.name = name;
    this.#around = around;
    const { scheduler, ledger, seed } = around;
    const random = randomOf(seed, index, 1);
    this.link = new FaultyLink(
      nodeStream(() => around.connect()),
      scheduler,
      random,
    );
    this.pages = ledger.device(name);
  }

  /** Events that are accepted and not acknowledged. */
  get waiting(): number {
    const page = this.#life?.page;
    return page === undefined ? 0 : page.next - page.acknowledged;
  }

  /** Power on: a new boot. */
  boot(): void {
    const { ledger, seed, instantiate, workload, bufferBytes, lingerMs, key } = this.#around;
    const page = ledger.begin(this.pages);
    const bootedMs = performance.now();
    const random = randomOf(seed, this.index, 2, page.life);
    const isOver = () => this.#life?.page !== page;
    const sdk = instantiate({
      clock: () => Math.floor((performance.now() - bootedMs) * this.clockRate),
      after: (task, delayMs) => this.#after(task, delayMs / this.clockRate, isOver),
      cancel: (timer) => {
        if (timer !== undefined) this.#around.scheduler.cancel(timer as Task);
      },
      random,
    });
    if (key !== null) sdk.auth(key);
    const stream = sdk.stream(workload.stream, workload.fields(sdk));
    const store = sdk.ram(bufferBytes - Math.min(bufferBytes >> 2, 216));
    const forget = store.forget;
    const life: Life = {
      ...{ sdk, page, boot: 0, room: store.room },
      send: (values) => producer.send(stream, values as never) !== false,
    };
    store.forget = (seq) => {
      forget(seq);
      this.#acknowledged(life, seq);
    };
    this.#life = life;
    this.state = 'on';
    const producer = sdk.producer({
      device: this.name,
      link: this.link,
      bufferBytes,
      store,
      lingerMs,
    });
  }

  /** Power off: what is in RAM is gone. */
  cutPower(): void {
    const life = this.#life;
    if (life === null) return;
    this.#around.ledger.cut(life.page);
    this.#end();
  }

  /** Sends no more; once everything is acknowledged it is switched off. */
  leave(): void {
    const life = this.#life;
    if (life === null || this.state !== 'on') return;
    this.state = 'leaving';
    const look = () => {
      if (this.#life !== life || this.state !== 'leaving') return;
      if (life.page.acknowledged >= life.page.next) this.#end();
      else this.#around.scheduler.after(100, look);
    };
    this.flush();
    look();
  }

  /** It stays after all. */
  stay(): void {
    if (this.state === 'leaving') this.state = 'on';
  }

  /** Nothing of it runs, and what its connection brings is not heard; its RAM and its clock go on. */
  sleep(): void {
    if (this.state !== 'on') return;
    this.state = 'asleep';
    this.link.deafen();
  }

  wake(): void {
    if (this.state !== 'asleep') return;
    this.state = 'on';
    this.link.drop();
    for (const task of this.#wakes.splice(0)) task();
  }

  /** What waits for company in a block goes out. */
  flush(): void {
    this.#life?.sdk.flush(() => {}, 2 ** 31);
  }

  /** False: it is not on, or has nothing. The row unless told is the next. */
  send(row = this.row): boolean {
    const life = this.#life;
    if (this.state !== 'on' || life === null || !this.hasRow(row)) return false;
    const { ledger, workload } = this.#around;
    const values = workload.values(this.index, life.page.next, row);
    const atMs = performance.now();
    this.row = row + 1;
    const isTaken = life.send(values);
    ledger.sent(life.page, isTaken, atMs, textHash(JSON.stringify(values)));
    return true;
  }

  hasRow(row = this.row): boolean {
    const { workload } = this.#around;
    return workload.rows === undefined || row < workload.rows(this.index);
  }

  /** Whether one more event would cost no other. */
  hasRoom(): boolean {
    return this.state === 'on' && this.#life !== null && this.#life.room() >= roomBytes;
  }

  close(): void {
    this.#end();
  }

  #end(): void {
    this.#life = null;
    this.state = 'off';
    this.#wakes = [];
    this.link.close();
  }

  #after(task: () => void, delayMs: number, isOver: () => boolean): Task {
    const run = () => {
      if (isOver()) return;
      if (this.state === 'asleep') this.#wakes.push(run);
      else task();
    };
    return this.#around.scheduler.after(delayMs, run);
  }

  #acknowledged(life: Life, below: number): void {
    const { ledger } = this.#around;
    // The number may change only where nothing is acknowledged yet, or with a WELCOME; both come by here.
    const boot = life.sdk.stats().boot;
    if (boot !== null && boot !== life.boot) {
      life.boot = boot;
      ledger.named(this.pages, life.page, boot);
    }
    ledger.acknowledged(life.page, below, performance.now());
    this.onAcknowledged();
  }
}
