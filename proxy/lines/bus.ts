import type { Clock } from '../clock.js';
import { decodeEnvelope, encodeEnvelope, isEnvelope } from '../envelope.js';
import { checkFrame, FrameReader, framesOf, mayHaveMac, toStream } from '../frame.js';
import type { Log } from '../log.js';
import type { Outcomes } from '../outcomes.js';
import type { Line, LineHandler } from './lines.js';
import { decodeEnd, encodePoll, grantBytesLeast, pollNumbers } from './poll.js';
import type { BusSettings } from './settings.js';

// The master of a half-duplex bus, PROTOCOL.md §14: one line, its drops in turn, each a line of its own to whoever bridges it or
// keeps its sessions. Nobody speaks but the one that is polled; what comes late or unasked goes to the drop that it names.
// Keeps nothing and repeats nothing: what is lost here the sessions send again. Bounded per drop.

/** A line that says when its bytes are on the wire. */
export interface BusLine extends Line {
  /** How long a byte takes, with its start, parity and stop bits. */
  readonly byteMs: number;
  /** Resolves when the last bit of what was written has left, or the line is gone. */
  sent(bytes: number): Promise<void>;
  /** The adapter's driver, by RTS. */
  drive(on: boolean): void;
}

export interface BusOptions {
  line: BusLine;
  settings: BusSettings;
  clock: Clock;
  log: Log;
  outcomes: Outcomes;
  /** What a scan finds is put in here, and is known when the line is opened again. */
  found: Set<number>;
  opened(line: Line): LineHandler;
}

/** The bus for one request of another protocol, as Modbus: nobody is polled meanwhile. */
export interface Borrowed {
  /** How long a byte takes on this bus. */
  readonly byteMs: number;
  /** Resolves when it is on the wire. */
  write(bytes: Uint8Array): Promise<void>;
  /** What comes until the work is done. */
  onData: (bytes: Uint8Array) => void;
}

/** The line went, or its keeper gave it free, before it was lent or meanwhile. */
export class BusClosedError extends Error {
  override name = 'BusClosedError';
}

interface Guest {
  work(bus: Borrowed): Promise<void>;
  sendAway(why: Error): void;
}

interface Drop {
  readonly address: number;
  readonly handler: LineHandler;
  /** What it is to be sent with its next poll. */
  readonly frames: Uint8Array[];
  bytes: number;
  isPaused: boolean;
  /** Polls in a row without an answer. */
  silent: number;
}

/** What waits for a drop's turn: some answers of a proxy, none larger than 128 bytes for a device with one boot. */
const dropBytesMax = 4_096;
/** A turn's answer, envelopes and COBS included: what goes on for longer is no answer. */
const answerBytesMax = 2 * grantBytesLeast;
/** After so many polls without an answer a drop is tried with the scan, not in each round. */
const silentMax = 3;

export class Bus implements LineHandler {
  readonly #options: BusOptions;
  readonly #drops = new Map<number, Drop>();
  readonly #frames: FrameReader;
  /** The address whose turn it is, and the number of its poll; null: nobody's. */
  #polled: { address: number; number: number; heard: boolean } | null = null;
  /** When the turn began (its poll was on the wire), or ended. */
  #turnedAtMs = 0;
  #number = 0;
  /** What this end sent in this turn: an adapter that hears itself gives it back. */
  #echo: Uint8Array[] = [];
  /** Work that waits for the bus, and whose turn it is. */
  readonly #guests: Guest[] = [];
  #guest: Borrowed | null = null;
  /** The turn before was a guest's. */
  #hasLent = false;
  /** Nobody is due before the next round. */
  #isIdle = false;
  #isClosed = false;
  #cancel = () => {};
  #roundAtMs = -Infinity;
  #scanAtMs = -Infinity;
  /** The addresses that are still to be polled in this round. */
  #round: number[] = [];
  #scanned = 0;
  /** Nobody is looked for at the address of a meter. */
  readonly #meters: ReadonlySet<number>;

  constructor(options: BusOptions) {
    this.#options = options;
    this.#meters = new Set(options.settings.modbus.map(({ address }) => address));
    this.#frames = new FrameReader({
      frame: (frame) => this.#frame(frame),
      broken: (why) => this.#count(`bus-frame-${why}`),
    });
    for (const address of [...options.settings.drops, ...options.found]) this.#found(address);
    this.#next();
  }

  /**
   * Lends the bus between two polls. Rejects where the work does, which must end by itself, and with a BusClosedError where the bus closed
   * before it failed: who fell silent then is not known.
   */
  borrow<T>(work: (bus: Borrowed) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) reject(new BusClosedError());
      else {
        const failed = (why: Error) => reject(this.#isClosed ? new BusClosedError() : why);
        this.#guests.push({ work: (bus) => work(bus).then(resolve, failed), sendAway: reject });
      }
      if (this.#isIdle) this.#after(0, () => this.#next());
    });
  }

  received(bytes: Uint8Array): void {
    if (this.#guest !== null) {
      this.#guest.onData(bytes);
      return;
    }
    this.#frames.push(bytes);
    const { line, settings, clock } = this.#options;
    const turnMsMax = settings.answerTimeoutMs + answerBytesMax * line.byteMs;
    const isLong = clock.monotonicMs() - this.#turnedAtMs > turnMsMax;
    if (this.#polled === null) {
      // Somebody is still speaking, or again: the next poll would not be heard.
      if (isLong) return;
      this.#isIdle = false;
      this.#after(settings.turnaroundMs, () => this.#next());
    } else if (isLong) this.#over(false);
    else this.#listen();
  }

  closed(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const { handler } of this.#drops.values()) handler.closed();
    this.#drops.clear();
    for (const { sendAway } of this.#guests.splice(0)) sendAway(new BusClosedError());
  }

  /** Whose turn it is: those that answer, round by round, and one of the others every so often. */
  #next(): void {
    if (this.#isClosed) return;
    this.#isIdle = false;
    const { clock, settings } = this.#options;
    const now = clock.monotonicMs();
    if (this.#round.length === 0 && now >= this.#roundAtMs + settings.roundMs) {
      this.#roundAtMs = now;
      this.#round = this.#due(now);
    }
    // In turns, so that guests whom nobody answers hold up no drop.
    const mayLend = this.#round.length === 0 || !this.#hasLent;
    const guest = mayLend ? this.#guests.shift() : undefined;
    this.#hasLent = guest !== undefined;
    if (guest !== undefined) {
      void this.#lend(guest);
      return;
    }
    const address = this.#round.shift();
    if (address !== undefined) {
      this.#poll(address);
      return;
    }
    this.#isIdle = true;
    this.#after(this.#roundAtMs + settings.roundMs - now, () => this.#next());
  }

  async #lend({ work }: Guest): Promise<void> {
    const { byteMs } = this.#options.line;
    const guest: Borrowed = { byteMs, write: (bytes) => this.#speak(bytes), onData: () => {} };
    this.#guest = guest;
    await work(guest);
    this.#guest = null;
    this.#turnedAtMs = this.#options.clock.monotonicMs();
    this.#after(this.#options.settings.turnaroundMs, () => this.#next());
  }

  async #speak(bytes: Uint8Array): Promise<void> {
    const { line, settings } = this.#options;
    const isDriven = settings.driverEnable === 'rts';
    if (isDriven) line.drive(true);
    if (!line.write(bytes)) this.#count('slow-reader');
    await line.sent(bytes.length);
    if (isDriven) line.drive(false);
  }

  #due(now: number): number[] {
    const { settings } = this.#options;
    const drops = [...this.#drops.values()].filter(({ isPaused }) => !isPaused);
    const due = drops.filter(({ silent }) => silent < silentMax).map(({ address }) => address);
    if (now - this.#scanAtMs < settings.scanEveryMs) return due;
    this.#scanAtMs = now;
    const { from, to } = settings.scan ?? { from: 1, to: 0 };
    const unknown = Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const others = [
      ...drops.filter(({ silent }) => silent >= silentMax).map(({ address }) => address),
      ...unknown.filter((address) => !this.#drops.has(address) && !this.#meters.has(address)),
    ].sort((a, b) => a - b);
    const scanned = others.find((address) => address > this.#scanned) ?? others[0];
    if (scanned === undefined) return due;
    this.#scanned = scanned;
    return [...due, scanned];
  }

  #poll(address: number): void {
    this.#number = (this.#number + 1) % pollNumbers;
    const number = this.#number;
    this.#polled = { address, number, heard: false };
    this.#turnedAtMs = this.#options.clock.monotonicMs();
    const drop = this.#drops.get(address);
    const frames = drop?.frames.splice(0) ?? [];
    if (drop !== undefined) drop.bytes = 0;
    frames.push(encodePoll(number, grantBytesLeast));
    this.#echo = frames.map((frame) => encodeEnvelope({ channel: address, frame }));
    // [W-8] The bus was silent, and may have made noise.
    void this.#speak(Uint8Array.from([0, ...toStream(this.#echo)])).then(() => {
      if (this.#polled?.number !== number) return;
      this.#turnedAtMs = this.#options.clock.monotonicMs();
      this.#listen();
    });
  }

  /** For the first byte of an answer, or the next. */
  #listen(): void {
    this.#after(this.#options.settings.answerTimeoutMs, () => this.#over(false));
  }

  #over(hasEnded: boolean): void {
    const polled = this.#polled;
    if (polled === null) return;
    this.#polled = null;
    this.#turnedAtMs = this.#options.clock.monotonicMs();
    const drop = this.#drops.get(polled.address);
    if (polled.heard && !hasEnded) this.#count('drop-broken-off', polled.address);
    if (drop !== undefined) this.#heard(drop, polled.heard);
    this.#after(this.#options.settings.turnaroundMs, () => this.#next());
  }

  #heard(drop: Drop, hasAnswered: boolean): void {
    const wasSilent = drop.silent >= silentMax;
    drop.silent = hasAnswered ? 0 : drop.silent + 1;
    const { address } = drop;
    if (wasSilent && hasAnswered) this.#say(address, 'answers again');
    if (drop.silent !== silentMax) return;
    const path = this.#pathOf(address);
    const why = `it does not answer; tried every ${this.#options.settings.scanEveryMs} ms`;
    this.#options.outcomes.count('drop-silent', { path, why }, path);
  }

  #frame(frame: Uint8Array): void {
    if (this.#isEcho(frame)) return;
    const envelope = isEnvelope(frame) ? decodeEnvelope(frame) : null;
    if (envelope === null) {
      this.#count('bus-frame-envelope');
      return;
    }
    const { channel, frame: inner } = envelope;
    const body = checkFrame(inner);
    // A MAC is the session's to look at.
    if (typeof body === 'string' && !mayHaveMac(inner)) {
      this.#count(`drop-frame-${body}`, channel);
      return;
    }
    const polled = this.#polled?.address === channel ? this.#polled : null;
    if (polled === null) this.#count('drop-unasked', channel);
    else polled.heard = true;
    const drop = this.#drops.get(channel) ?? (polled === null ? null : this.#found(channel));
    const end = typeof body === 'string' ? null : decodeEnd(body);
    if (end === null) drop?.handler.received(toStream([inner]));
    else if (end.number === polled?.number) this.#over(true);
    else this.#count('drop-late', channel);
  }

  #isEcho(frame: Uint8Array): boolean {
    const first = this.#echo[0];
    if (first === undefined || Buffer.compare(first, frame) !== 0) return false;
    this.#echo.shift();
    return true;
  }

  #found(address: number): Drop {
    const { settings, found, opened } = this.#options;
    const isKnown = settings.drops.includes(address) || found.has(address);
    if (!isKnown) {
      found.add(address);
      this.#say(address, 'found');
    }
    const frames: Uint8Array[] = [];
    const line: Line = {
      path: this.#pathOf(address),
      // It says nothing unless it is polled.
      stops: true,
      write: (bytes) => {
        if (drop.bytes + bytes.length > dropBytesMax) return false;
        drop.bytes += bytes.length;
        frames.push(...framesOf(bytes));
        return true;
      },
      pause: () => {
        drop.isPaused = true;
      },
      resume: () => {
        drop.isPaused = false;
      },
    };
    const handler = opened(line);
    const drop: Drop = { address, handler, frames, bytes: 0, isPaused: false, silent: 0 };
    this.#drops.set(address, drop);
    return drop;
  }

  #pathOf(address: number): string {
    return `${this.#options.line.path}#${address}`;
  }

  #say(address: number, what: string): void {
    this.#options.log.info({ address }, `${this.#pathOf(address)}: ${what}`);
  }

  #after(delayMs: number, task: () => void): void {
    this.#cancel();
    this.#cancel = this.#isClosed ? () => {} : this.#options.clock.after(delayMs, task);
  }

  #count(kind: string, address?: number): void {
    const { path } = this.#options.line;
    this.#options.outcomes.count(kind, address === undefined ? { path } : { path, address });
  }
}
