// When each device sends: at the run's rate, in bursts, as its trace says, or whenever the proxy gave it room.

import type { Device } from './device.js';
import type { Scheduler } from './scheduler.js';
import type { Settings } from './settings.js';

/** Of the shape `bursts`: what would have come in so long comes at once. */
const burstEveryMs = 10_000;
/** By then most devices have a session. */
const firstBurstMs = 1_000;
const fillMs = 5;

export class Pacer {
  isOver = false;
  /** Events that are still to be sent. */
  #left: number;
  readonly #settings: Settings;
  readonly #devices: readonly Device[];
  readonly #scheduler: Scheduler;
  readonly #untilMs: number;
  readonly #onOver: (why: 'events' | 'trace' | 'duration') => void;
  /** Devices whose trace goes on. */
  #playing = new Set<Device>();
  readonly #thirsty = new Set<Device>();
  #isFilling = false;

  constructor(options: {
    settings: Settings;
    devices: readonly Device[];
    scheduler: Scheduler;
    /** Nothing is sent from then on, however late it was. As performance.now() counts. */
    untilMs: number;
    onOver(why: 'events' | 'trace' | 'duration'): void;
  }) {
    this.#settings = options.settings;
    this.#devices = options.devices;
    this.#scheduler = options.scheduler;
    this.#untilMs = options.untilMs;
    this.#onOver = options.onOver;
    this.#left = options.settings.eventsMax;
  }

  begin(): void {
    const { rate, shape, workload } = this.#settings;
    const beganMs = performance.now();
    const count = this.#devices.length;
    this.#playing = new Set(workload.rows === undefined ? [] : this.#devices);
    if (rate === 'max') this.#flood();
    else if (rate === null) {
      for (const device of this.#devices) this.#play(device, beganMs, 0);
    } else {
      const perDevice = rate / count / 1000;
      const isBurst = shape === 'bursts';
      for (const [at, device] of this.#devices.entries()) {
        if (isBurst) this.#burst(device, beganMs + firstBurstMs, perDevice * burstEveryMs, 0);
        else this.#beat(device, beganMs + at / perDevice / count, 1 / perDevice);
      }
    }
  }

  end(): void {
    this.isOver = true;
    for (const device of this.#devices) device.onAcknowledged = () => {};
  }

  #send(device: Device, row = device.row): boolean {
    if (this.isOver) return false;
    if (performance.now() >= this.#untilMs) {
      this.#finish('duration');
      return false;
    }
    if (this.#left <= 0) {
      this.#finish('events');
      return false;
    }
    const isSent = device.send(row);
    if (isSent) this.#left--;
    if (!device.hasRow(row + 1)) this.#played(device);
    return isSent;
  }

  #finish(why: 'events' | 'trace' | 'duration'): void {
    this.end();
    this.#onOver(why);
  }

  #played(device: Device): void {
    if (this.#playing.delete(device) && this.#playing.size === 0) this.#finish('trace');
  }

  /** The next is due an interval behind this one's time, not behind when it came to it: the rate holds. */
  #beat(device: Device, dueMs: number, everyMs: number): void {
    this.#scheduler.at(dueMs, () => {
      this.#send(device);
      if (!this.isOver) this.#beat(device, dueMs + everyMs, everyMs);
    });
  }

  #burst(device: Device, dueMs: number, events: number, carried: number): void {
    this.#scheduler.at(dueMs, () => {
      let owed = events + carried;
      for (; owed >= 1; owed--) this.#send(device);
      if (!this.isOver) this.#burst(device, dueMs + burstEveryMs, events, owed);
    });
  }

  /** A row whose time passes while the device is off or asleep was never read. */
  #play(device: Device, beganMs: number, row: number): void {
    if (!device.hasRow(row)) return;
    this.#scheduler.at(beganMs + this.#settings.workload.timeMs!(device.index, row), () => {
      this.#send(device, row);
      if (!this.isOver) this.#play(device, beganMs, row + 1);
    });
  }

  #flood(): void {
    for (const device of this.#devices) {
      device.onAcknowledged = () => this.#fill(device);
      this.#fill(device);
    }
  }

  /** Not from inside the SDK's call that brought the acknowledgement. */
  #fill(device: Device): void {
    this.#thirsty.add(device);
    if (this.#isFilling) return;
    this.#isFilling = true;
    setImmediate(this.#fillSome);
  }

  /** For a few milliseconds: answers that came meanwhile are as urgent. */
  readonly #fillSome = (): void => {
    const untilMs = performance.now() + fillMs;
    for (const device of this.#thirsty) {
      this.#thirsty.delete(device);
      while (device.hasRoom() && this.#send(device));
      if (performance.now() > untilMs) break;
    }
    this.#isFilling = this.#thirsty.size > 0;
    if (this.#isFilling) setImmediate(this.#fillSome);
  };
}
