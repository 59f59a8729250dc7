import { connect, type Socket } from 'node:net';
import type { Clock } from 'headwater/lines';

// The one connection to the proxy: kept up, with a wait that grows and has jitter. Bytes only.

export interface ConnectionOptions {
  host: string;
  port: number;
  retryBackoffMs: number;
  clock: Clock;
  up(): void;
  data(bytes: Uint8Array): void;
  /** Takes bytes again. */
  ready(): void;
  down(why: string): void;
}

const growthMax = 6;
const keepAliveMs = 10_000;
/** One that ends before was none: whoever accepted it (a tunnel, a proxy that has too many) closed it. */
const steadyMs = 10_000;

export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | null = null;
  #isUp = false;
  #isClosed = false;
  #attempts = 0;
  #cancel = () => {};

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#open();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** False: not now; `ready` or `up` will tell. */
  get takes(): boolean {
    return this.#isUp && this.#socket?.writableNeedDrain === false;
  }

  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#socket?.destroy();
  }

  #open(): void {
    const { host, port, up, data, ready, down, clock } = this.#options;
    const socket = connect({
      ...{ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    });
    this.#socket = socket;
    let why = 'the proxy closed it';
    let upAtMs = Number.POSITIVE_INFINITY;
    socket.on('connect', () => {
      this.#isUp = true;
      upAtMs = clock.monotonicMs();
      up();
    });
    socket.on('data', data);
    socket.on('drain', ready);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      why = error.code ?? error.message;
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#isUp = false;
      this.#socket = null;
      if (this.#isClosed) return;
      down(why);
      if (clock.monotonicMs() - upAtMs >= steadyMs) this.#attempts = 0;
      const [byte = 0] = clock.random(1);
      const grown = this.#options.retryBackoffMs * 2 ** Math.min(this.#attempts++, growthMax);
      this.#cancel = clock.after(grown * (0.5 + byte / 510), () => this.#open());
    });
  }
}
