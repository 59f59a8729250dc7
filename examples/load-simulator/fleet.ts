// All devices of a run, and what the network says of their connections.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Device, type Instantiate } from './device.js';
import type { Ledger } from './ledger.js';
import { randomOf } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { Settings } from './settings.js';

/** Instances are made so many at a time, so that the first ones' answers are heard meanwhile. */
const bootsAtOnce = 100;

/** A connection's first answer is RESET: a 0x00, COBS's first code, and the message's type. */
const isTurnedAway = (bytes: Uint8Array): boolean => bytes[0] === 0 && bytes[2] === 6;

export class Fleet {
  readonly devices: Device[] = [];
  /** Of the whole run: connections that could not be made or were lost, by what the system said. */
  readonly troubles: Record<string, number> = {};
  /** Since they were taken last. */
  #failures = new Map<string, number>();
  #losses = new Map<string, number>();

  constructor(options: {
    settings: Settings;
    ledger: Ledger;
    scheduler: Scheduler;
    instantiate: Instantiate;
  }) {
    const { settings, ...parts } = options;
    const { workload, seed, bufferBytes, lingerMs, skewPpm, names, keys } = settings;
    const around = {
      ...{ ...parts, workload, seed, bufferBytes, lingerMs },
      connect: () => this.#connect(settings.proxy),
    };
    const clocks = randomOf(seed, 4);
    for (const [index, name] of names.entries()) {
      const device = new Device(index, name, { ...around, key: keys?.get(name) ?? null });
      device.clockRate = 1 + ((2 * clocks() - 1) * skewPpm) / 1e6;
      this.devices.push(device);
    }
  }

  get connected(): number {
    return this.devices.reduce((sum, { link }) => sum + Number(link.isUp), 0);
  }

  /** Those that want a connection. */
  get awake(): number {
    return this.devices.filter(({ state }) => state !== 'off' && state !== 'asleep').length;
  }

  async boot(isStopped: () => boolean): Promise<void> {
    for (const [at, device] of this.devices.entries()) {
      if (isStopped()) return;
      device.boot();
      if (at % bootsAtOnce === bootsAtOnce - 1) await sleep(0);
    }
  }

  /** What is held goes out; and the proxy reports what went with the power once something of a later boot is there. */
  getRid(): void {
    for (const device of this.devices) {
      const { lives } = device.pages;
      if (lives.length === 0) continue;
      if (device.state === 'off') device.boot();
      if (lives.at(-1)!.next === 0 && lives.some(({ isCut }) => isCut)) device.send();
      device.flush();
    }
  }

  takeTroubles(): Record<'failures' | 'losses', ReadonlyMap<string, number>> {
    const taken = { failures: this.#failures, losses: this.#losses };
    this.#failures = new Map();
    this.#losses = new Map();
    return taken;
  }

  close(): void {
    for (const device of this.devices) device.close();
  }

  #connect({ host, port }: Settings['proxy']): Socket {
    const socket = connect({ host, port, noDelay: true });
    let isMade = false;
    socket.on('connect', () => {
      isMade = true;
      // Where nobody listens, a system may connect an opening with itself; it would keep the port from the proxy.
      if (socket.localPort !== port || socket.localAddress !== socket.remoteAddress) return;
      this.#failed('ECONNREFUSED', this.#failures);
      socket.destroy();
    });
    // A device that is told to come later hangs up by itself.
    socket.once('data', (bytes: Uint8Array) => {
      if (isTurnedAway(bytes)) this.#failed('turned away by the proxy', this.#failures);
    });
    socket.on('end', () => this.#failed('lost (closed)', this.#losses));
    socket.on('error', ({ code = 'error' }: NodeJS.ErrnoException) => {
      if (isMade) this.#failed(`lost (${code})`, this.#losses);
      else this.#failed(code, this.#failures);
    });
    return socket;
  }

  #failed(kind: string, since: Map<string, number>): void {
    since.set(kind, (since.get(kind) ?? 0) + 1);
    this.troubles[kind] = (this.troubles[kind] ?? 0) + 1;
  }
}
