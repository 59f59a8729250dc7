// A device that sends as fast as its credit lets it, or one event at a time: the protocol's bytes without an engine behind them, so that
// what is measured is the proxy.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { checkFrame, encodeFrame, FrameReader } from '../../proxy/frame.js';
import { block, dataBody, decodeAnswer, helloBody, items, motesBytes } from '../proxy/talk.js';

/** Events in a block of a device that floods. */
const blockEvents = 32;
const boot = 7;

export class LoadDevice {
  readonly #socket: Socket;
  #boot = boot;
  #limit = 0;
  #sent = 0;
  #acknowledged = 0;
  #wanted = 0;
  #heard = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    const frames = new FrameReader({
      frame: (frame) => {
        const body = checkFrame(frame);
        if (typeof body === 'string') throw new Error(`the proxy sent a broken frame: ${body}`);
        this.#take(decodeAnswer(body));
      },
      broken: (why) => {
        throw new Error(`the proxy sent a broken frame: ${why}`);
      },
    });
    socket.on('data', (bytes) => frames.push(bytes));
    socket.on('error', () => {});
  }

  static async open(port: number, device: string): Promise<LoadDevice> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const one = new LoadDevice(socket);
    one.#say(helloBody([{ boot, lowest: 0, next: 0, fingerprint: 0 }], { device }));
    await one.#until(() => one.#limit > 0);
    one.#say(Uint8Array.from([...items(3, 0, 0), ...motesBytes]));
    return one;
  }

  /** Sends so many events more; resolves when all are acknowledged. */
  flood(events: number): Promise<void> {
    this.#wanted += events;
    this.#pump();
    return this.#until(() => this.#acknowledged === this.#wanted);
  }

  /** One event: how long its ACK takes, ms. */
  async ping(): Promise<number> {
    const begin = performance.now();
    this.#wanted = this.#sent + 1;
    this.#data(1);
    await this.#until(() => this.#acknowledged === this.#sent);
    return performance.now() - begin;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(answer: ReturnType<typeof decodeAnswer>): void {
    if (answer.type === 'reset') throw new Error(`RESET ${answer.reason}`);
    const { next, limit } = answer.type === 'ack' ? answer : answer.boots[0]!;
    // The number that it said may be another device's.
    if (answer.type === 'welcome') this.#boot = answer.boots[0]!.boot;
    this.#acknowledged = next;
    this.#limit = limit;
    this.#pump();
    this.#heard();
  }

  #pump(): void {
    while (this.#sent < this.#wanted && this.#sent + blockEvents <= this.#limit) {
      this.#data(Math.min(blockEvents, this.#wanted - this.#sent));
    }
  }

  #data(count: number): void {
    const uptime = Math.round(performance.now());
    this.#say(dataBody(this.#boot, this.#sent, block(uptime, count), count, uptime));
    this.#sent += count;
  }

  #say(body: Uint8Array): void {
    this.#socket.write(encodeFrame(body));
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a device waits for ever')), 120_000);
      this.#heard = () => {
        if (!done()) return;
        clearTimeout(late);
        this.#heard = () => {};
        resolve();
      };
      this.#heard();
    });
  }
}
