import type { Link, LinkEvents } from '../../sdk/links/link.js';
import { Random } from '../random.js';
import type { Scheduler } from '../simulation/scheduler.js';

// A half-duplex bus with true byte times: one byte after the other, each heard by everybody else when it is over. Two at once break
// one another, as they do on a pair of wires.

interface Byte {
  from: BusNode;
  value: number;
  isBroken: boolean;
}

export interface BusNode {
  /** Speaks, behind what it is speaking already. */
  send(bytes: Uint8Array): void;
  /** When all of it has been heard. */
  readonly silentAtMs: number;
  leave(): void;
}

export class SimulatedBus {
  readonly byteMs: number;
  /** An adapter that does not turn its receiver off while it speaks. */
  hearsItself = false;
  /** One byte of 2,000 is lost, one has a flipped bit. */
  isNoisy = false;
  /** Time in which at least one node spoke. */
  busyMs = 0;
  collisions = 0;
  readonly #scheduler: Scheduler;
  readonly #random = new Random(4);
  readonly #ears = new Map<BusNode, (bytes: Uint8Array) => void>();
  readonly #onWire = new Set<Byte>();
  #busySinceMs = 0;

  constructor(scheduler: Scheduler, baudRate: number) {
    this.#scheduler = scheduler;
    this.byteMs = 10_000 / baudRate;
  }

  join(hear: (bytes: Uint8Array) => void): BusNode {
    const scheduler = this.#scheduler;
    const queue: number[] = [];
    let isSpeaking = false;
    let silentAtMs = 0;
    const speak = () => {
      const value = queue.shift();
      isSpeaking = value !== undefined && this.#ears.has(node);
      if (value === undefined || !isSpeaking) return;
      const byte = this.#begin(node, value);
      scheduler.after(this.byteMs, () => {
        this.#end(byte);
        speak();
      });
    };
    const node: BusNode = {
      send: (bytes) => {
        silentAtMs = Math.max(silentAtMs, scheduler.nowMs) + bytes.length * this.byteMs;
        queue.push(...bytes);
        if (!isSpeaking) speak();
      },
      get silentAtMs() {
        return silentAtMs;
      },
      leave: () => void this.#ears.delete(node),
    };
    this.#ears.set(node, hear);
    return node;
  }

  #begin(from: BusNode, value: number): Byte {
    const byte = { from, value, isBroken: false };
    if (this.#onWire.size === 0) this.#busySinceMs = this.#scheduler.nowMs;
    for (const other of this.#onWire) other.isBroken = byte.isBroken = true;
    if (byte.isBroken) this.collisions++;
    this.#onWire.add(byte);
    return byte;
  }

  #end(byte: Byte): void {
    this.#onWire.delete(byte);
    if (this.#onWire.size === 0) this.busyMs += this.#scheduler.nowMs - this.#busySinceMs;
    if (this.isNoisy && this.#random.chance(1 / 2_000)) return;
    const flip = this.isNoisy && this.#random.chance(1 / 2_000) ? 1 << this.#random.below(8) : 0;
    const heard = Uint8Array.of(byte.value ^ flip ^ (byte.isBroken ? 0x55 : 0));
    for (const [node, hear] of this.#ears) if (node !== byte.from || this.hearsItself) hear(heard);
  }
}

/** A device's UART on the bus. `delayMs`: from a POLL's last byte to the first of its answer. */
export function busLine(bus: SimulatedBus, scheduler: Scheduler, delayMs: () => number): Link {
  let node: BusNode | null = null;
  let told: LinkEvents | null = null;
  const close = () => {
    node?.leave();
    node = told = null;
  };
  return {
    open(events) {
      close();
      told = events;
      const mine = bus.join((bytes) => {
        if (told === events) events.data(bytes);
      });
      node = mine;
      scheduler.after(0, () => {
        if (told === events) events.up();
      });
    },
    write(bytes) {
      const mine = node;
      if (mine === null) return 0;
      const copy = bytes.slice();
      // A UART that is speaking goes on without a pause.
      if (mine.silentAtMs > scheduler.nowMs) mine.send(copy);
      else scheduler.after(delayMs(), () => mine.send(copy));
      return bytes.length;
    },
    close,
  };
}
