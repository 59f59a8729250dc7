// A device that sends as fast as its credit lets it, or block by block: the protocol's bytes without an engine behind them, so that what is
// measured is the proxy.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { checkFrame, closed, encodeFrame, FrameReader } from '../../proxy/frame.js';
import { CHALLENGE, PROOF, RESET } from '../../sdk/wire.js';
import { KeyedEnd } from '../proxy/auth/keyed-end.js';
import { decodeAnswer, helloBody } from '../proxy/talk.js';
import { dataBody, table, tableBody } from './device-frames.js';

/** Of this process's devices: no two may share one, or the proxy gives the second another ([W-3]). */
let lastBoot = 0;
/** A device that hears nothing for so long ends the run. */
const silenceMaxMs = 120_000;

/** Frames one behind the other, and where each ends: in the bytes, and in the device's seqs. */
interface Prepared {
  bytes: Buffer;
  ends: { at: number; seq: number }[];
}

export class LoadDevice {
  readonly name: string;
  readonly #socket: Socket;
  /** Of a session with a key. */
  readonly #end: KeyedEnd | null;
  #hello: Uint8Array = new Uint8Array();
  /** Called with each block that was acknowledged: how long that took, ms. */
  onAck: (ms: number, end: number) => void = () => {};
  #boot = ++lastBoot;
  #limit = 0;
  /** Seq of the next event. */
  #next = 0;
  #acknowledged = 0;
  #prepared: Prepared = { bytes: Buffer.alloc(0), ends: [] };
  /** Of the prepared frames, how many are sent, and up to which byte. */
  #sentFrames = 0;
  #sentBytes = 0;
  /** Sent and not acknowledged, oldest first. */
  #waiting: { end: number; atMs: number }[] = [];
  #heard = () => {};

  private constructor(socket: Socket, name: string, key?: string) {
    this.#end = key === undefined ? null : new KeyedEnd(key);
    this.#socket = socket;
    this.name = name;
    const frames = new FrameReader({
      frame: (frame) => {
        const isSealed = this.#end !== null && frame[0] !== RESET && frame[0] !== CHALLENGE;
        const body = isSealed ? this.#end!.open(frame) : checkFrame(frame);
        if (typeof body === 'string') throw new Error(`the proxy sent a broken frame: ${body}`);
        if (body[0] === CHALLENGE) this.#prove(body);
        else this.#take(decodeAnswer(body));
      },
      broken: (why) => {
        throw new Error(`the proxy sent a broken frame: ${why}`);
      },
    });
    socket.on('data', (bytes) => frames.push(bytes));
    socket.on('error', () => {});
  }

  /** `key`: where the proxy asks for one. */
  static async open(port: number, device: string, key?: string): Promise<LoadDevice> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const one = new LoadDevice(socket, device, key);
    const boots = [{ boot: one.#boot, lowest: 0, next: 0, fingerprint: 0 }];
    one.#hello = helloBody(boots, { device, tables: [table] });
    socket.write(encodeFrame(one.#hello));
    await one.#until(() => one.#limit > 0);
    socket.write(one.#frame(tableBody));
    return one;
  }

  get boot(): number {
    return this.#boot;
  }

  /** Events sent so far. */
  get sent(): number {
    return this.#next;
  }

  get credit(): number {
    return this.#limit - this.#next;
  }

  get isAcknowledged(): boolean {
    return this.#acknowledged === this.#next && this.#sentFrames === this.#prepared.ends.length;
  }

  /** Makes the frames of so many events, behind those that were sent. Answers how many bytes they are. */
  prepare(events: number, blockEvents: number): number {
    const frames: Uint8Array[] = [];
    const ends: Prepared['ends'] = [];
    let at = 0;
    for (let seq = this.#next; seq < this.#next + events; seq += blockEvents) {
      const count = Math.min(blockEvents, this.#next + events - seq);
      const frame = this.#frame(dataBody(this.#boot, seq, count));
      at += frame.length;
      frames.push(frame);
      ends.push({ at, seq: seq + count });
    }
    this.#prepared = { bytes: Buffer.concat(frames), ends };
    this.#sentFrames = 0;
    this.#sentBytes = 0;
    return at;
  }

  /** Sends what was prepared, as its credit lets it; resolves when all of it is acknowledged. */
  flood(): Promise<void> {
    this.#pump();
    return this.#until(() => this.isAcknowledged);
  }

  /** A block made and sent now, within its credit or not. */
  block(count: number): void {
    const frame = this.#frame(dataBody(this.#boot, this.#next, count));
    this.#next += count;
    this.#waiting.push({ end: this.#next, atMs: performance.now() });
    this.#socket.write(frame);
  }

  /** One event: how long its ACK takes, ms. */
  async ping(): Promise<number> {
    let took = Number.NaN;
    this.onAck = (ms) => {
      took = ms;
    };
    this.block(1);
    await this.settled();
    this.onAck = () => {};
    return took;
  }

  settled(): Promise<void> {
    return this.#until(() => this.isAcknowledged);
  }

  close(): void {
    this.#socket.destroy();
  }

  #prove(challenge: Uint8Array): void {
    this.#end?.challenged(this.#hello, challenge);
    this.#socket.write(closed(this.#end!.seal(Uint8Array.of(PROOF), this.#hello)));
  }

  #frame(body: Uint8Array): Uint8Array {
    return this.#end === null ? encodeFrame(body) : closed(this.#end.seal(body));
  }

  #take(answer: ReturnType<typeof decodeAnswer>): void {
    if (answer.type === 'reset') throw new Error(`RESET ${answer.reason}`);
    const { next, limit } = answer.type === 'ack' ? answer : answer.boots[0]!;
    // The number that it said may be another device's.
    if (answer.type === 'welcome') this.#boot = answer.boots[0]!.boot;
    this.#acknowledged = next;
    this.#limit = limit;
    const now = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].end <= next) {
      const { atMs, end } = this.#waiting.shift()!;
      this.onAck(now - atMs, end);
    }
    this.#pump();
    this.#heard();
  }

  #pump(): void {
    const { bytes, ends } = this.#prepared;
    let last = this.#sentBytes;
    for (let next = ends[this.#sentFrames]; next !== undefined; next = ends[this.#sentFrames]) {
      // A block may go when its first event is within the credit.
      if (this.#next >= this.#limit) break;
      this.#sentFrames++;
      this.#next = next.seq;
      last = next.at;
    }
    if (last > this.#sentBytes) this.#socket.write(bytes.subarray(this.#sentBytes, last));
    this.#sentBytes = last;
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let heardAtMs = performance.now();
      const late = setInterval(() => {
        if (performance.now() - heardAtMs < silenceMaxMs) return;
        clearInterval(late);
        reject(new Error(`${this.name} hears nothing: ${this.#acknowledged} of ${this.#next}`));
      }, 1_000);
      this.#heard = () => {
        heardAtMs = performance.now();
        if (!done()) return;
        clearInterval(late);
        this.#heard = () => {};
        resolve();
      };
      this.#heard();
    });
  }
}
