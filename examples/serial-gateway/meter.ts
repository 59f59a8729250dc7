import type { HostEngine, Sdk } from 'headwater/instance';
import {
  type Bus,
  BusClosedError,
  type Clock,
  type Log,
  type ModbusMeter,
  type ModbusRegister,
  type Outcomes,
} from 'headwater/lines';
import type { Link, LinkEvents } from 'headwater/link';
import {
  type Failure,
  ReadError,
  readSpan,
  type Span,
  spansOf,
  type Values,
  valuesOf,
} from './modbus-read.js';

// A meter as a device of its own: read every so often, and what was read sent by an instance of the SDK with a store in a file. A
// read that failed in any part makes no event. What was accepted is on the disk before the next read.

export interface MeterOptions {
  settings: ModbusMeter;
  instantiate(engine: HostEngine): Sdk;
  /** Its way to the proxy. */
  link: Link;
  /** Where its events are kept. */
  file: string;
  storeBytes: number;
  retryBackoffMs: number;
  clock: Clock;
  log: Log;
  outcomes: Outcomes;
}

export type Result = 'ok' | 'not-taken' | Failure;

/** What the machine's clock may be wrong by, until the proxy has told the time. */
const clockErrorMs = 2_000;
/** So many in a row end a trouble: one that comes and goes is said once. */
const goodReads = 3;

export class Meter {
  readonly settings: ModbusMeter;
  readonly reads = new Map<Result, number>();
  readonly #options: MeterOptions;
  readonly #spans: Span[];
  readonly #sdk: Sdk;
  readonly #link: Link;
  readonly #send: (values: Values) => boolean;
  #bus: Bus | null = null;
  /** A read was due while the line was away: it is made when that is back, since the next may be a day away. */
  #isMissed = false;
  /** What was said last. */
  #result: Result = 'ok';
  /** Reads in a row. */
  #good = 0;
  /** Of this machine's clock, when the device was told it last. */
  #offsetMs = Number.NEGATIVE_INFINITY;
  /** The proxy has told the time. */
  #isTold = false;
  #isStopped = false;
  #hasFailed = false;
  #dueMs: number;
  #cancel = () => {};

  /** Throws where the file can't be opened. */
  constructor(options: MeterOptions) {
    const { settings, clock, instantiate } = options;
    this.#options = options;
    this.settings = settings;
    this.#spans = spansOf(settings.registers);
    const originMs = clock.monotonicMs();
    this.#sdk = instantiate({
      clock: () => Math.floor(clock.monotonicMs() - originMs),
      random: () => Buffer.from(clock.random(4)).readUInt32BE() / 2 ** 32,
      after: (task, delayMs) => clock.after(delayMs, () => this.#guard(task)),
      cancel: (timer) => (timer as (() => void) | undefined)?.(),
    });
    this.#link = guardedLink(options.link, (task) => this.#guard(task));
    this.#send = this.#startDevice();
    this.#dueMs = originMs;
    this.#wait();
  }

  /** The line was opened, for the first time or again. */
  set bus(bus: Bus) {
    this.#bus = bus;
    if (this.#isMissed) void this.#read();
  }

  /** Its store did: it is read no more. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  stats() {
    return this.#sdk.stats();
  }

  close(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#link.close();
  }

  #startDevice(): (values: Values) => boolean {
    const { file, settings, storeBytes, retryBackoffMs } = this.#options;
    const sdk = this.#sdk;
    const store = sdk.file(file, storeBytes);
    if (store === undefined) throw new Error('it was written by a newer headwater');
    const fields = settings.registers.map((register) => [register.name, fieldOf(sdk, register)]);
    const stream = sdk.stream(settings.stream, Object.fromEntries(fields));
    sdk.anchors();
    const { device } = settings;
    const hw = sdk.producer({ device, link: this.#link, store, retryBackoffMs });
    return (values) => {
      this.#followClock();
      const isTaken = hw.send(stream, values) !== false;
      // A block of its own, so that it is in the file now: a process that is killed loses what is in memory.
      sdk.flush(() => {}, 0);
      return isTaken;
    };
  }

  /** A machine without a clock of its own has the right time when somebody tells it. What the proxy tells is better than either. */
  #followClock(): void {
    const { clock } = this.#options;
    this.#isTold ||= this.#sdk.stats().ready;
    const offsetMs = clock.nowMs() - clock.monotonicMs();
    if (this.#isTold || Math.abs(offsetMs - this.#offsetMs) < clockErrorMs) return;
    this.#offsetMs = offsetMs;
    this.#sdk.setAnchor(clock.nowMs(), clockErrorMs);
  }

  /** What comes at the same pace always; what a slow bus missed is left out. */
  #wait(): void {
    const { clock, settings } = this.#options;
    if (this.#isStopped) return;
    const now = clock.monotonicMs();
    this.#cancel = clock.after(this.#dueMs - now, () => {
      void this.#read().finally(() => {
        const missed = Math.floor((clock.monotonicMs() - this.#dueMs) / settings.everyMs);
        this.#dueMs += (missed + 1) * settings.everyMs;
        this.#wait();
      });
    });
  }

  async #read(): Promise<void> {
    const { settings, clock } = this.#options;
    const bus = this.#bus;
    this.#isMissed = bus === null;
    if (bus === null) return;
    const values: Values = {};
    try {
      for (const span of this.#spans) {
        const content = await bus.borrow((lent) => readSpan(lent, settings, span, clock));
        Object.assign(values, valuesOf(span, content));
      }
    } catch (error) {
      if (error instanceof BusClosedError) {
        // Whoever keeps the lines says that it went; a new one may be here already.
        if (this.#bus === bus) this.#bus = null;
        await this.#read();
      } else if (error instanceof ReadError) this.#count(error.failure, error.message);
      else throw error;
      return;
    }
    if (this.#isStopped) return;
    this.#guard(() => {
      const isTaken = this.#send(values);
      this.#count(isTaken ? 'ok' : 'not-taken', 'too large for an event');
    });
  }

  #count(result: Result, why: string): void {
    const { settings, log, outcomes } = this.#options;
    const { device, address } = settings;
    this.reads.set(result, (this.reads.get(result) ?? 0) + 1);
    this.#good = result === 'ok' ? this.#good + 1 : 0;
    if (result === this.#result || (result === 'ok' && this.#good < goodReads)) return;
    this.#result = result;
    if (result === 'ok') log.info({ device, address }, `meter ${device}: read again`);
    else outcomes.count(`modbus-${result}`, { device, address, why }, device);
  }

  /** A store whose disk fails throws: nothing of this meter can be promised any more, and the lines go on. */
  #guard(task: () => void): void {
    if (this.#isStopped) return;
    try {
      task();
    } catch (error) {
      this.close();
      this.#hasFailed = true;
      const { settings, file, outcomes } = this.#options;
      const { device } = settings;
      const why = error instanceof Error ? error.message : `${error}`;
      outcomes.count('modbus-store-failed', { device, file, why }, device);
    }
  }
}

function guardedLink(link: Link, guard: (task: () => void) => void): Link {
  return {
    open(events: LinkEvents) {
      link.open({
        up: () => guard(() => events.up()),
        down: () => guard(() => events.down()),
        data: (bytes) => guard(() => events.data(bytes)),
        ready: () => guard(() => events.ready()),
      });
    },
    write: (bytes) => link.write(bytes),
    close: () => link.close(),
  };
}

function fieldOf(sdk: Sdk, { type, decimals }: ModbusRegister) {
  if (type === 'bool') return sdk.bool;
  if (decimals !== undefined) return sdk.fixed(decimals);
  if (type === 'float32') return sdk.float;
  return type === 'int16' || type === 'int32' ? sdk.int : sdk.uint;
}
