import type { Clock } from '../clock.js';
import { Bucket } from './bucket.js';

// What one address may have of the proxy: of its connections, of those on which nobody is known yet, of what is read in a second. Shared by all
// listeners. One entry for each address that has a connection, none for the others.

export interface AddressLimits {
  /** Connections of each listener. */
  connectionsMax: number;
  /** Of all, connections whose device is not known yet. */
  unprovenMax: number;
  /** Of both, what one address may have. */
  addressShare: number;
  /** Absent: as fast as it goes. */
  addressBytesPerSecond?: number | undefined;
  burstSeconds: number;
}

export type Refusal = 'connections-max' | 'address-connections-max' | 'unproven-max';

/** A connection that counts. */
export interface Seat {
  /** Its device is known, or it is a gateway's; from then on it is no stranger. Once or more. */
  prove(): void;
  /** It is over. Once. */
  leave(): void;
}

interface Entry {
  connections: number;
  unproven: number;
  bytes: Bucket | null;
}

export class Addresses {
  readonly #limits: AddressLimits;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #unproven = 0;

  constructor(limits: AddressLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A connection, of a listener that has `open` already: it counts from now on, as one on which nobody is known, or is refused. */
  connect(address: string, open: number): Seat | Refusal {
    const { connectionsMax, unprovenMax, addressShare } = this.#limits;
    const { connections = 0, unproven = 0 } = this.#entries.get(address) ?? {};
    if (open >= connectionsMax) return 'connections-max';
    if (connections >= shareOf(connectionsMax, addressShare)) return 'address-connections-max';
    const isCrowded = unproven >= shareOf(unprovenMax, addressShare);
    if (this.#unproven >= unprovenMax || isCrowded) return 'unproven-max';
    const entry = this.#entries.get(address) ?? this.#newEntry();
    this.#entries.set(address, entry);
    entry.connections += 1;
    entry.unproven += 1;
    this.#unproven += 1;
    return this.#seat(address, entry);
  }

  /** Bytes were read from it: for how many ms nothing more is to be. */
  read(address: string, bytes: number): number {
    const bucket = this.#entries.get(address)?.bytes ?? null;
    if (bucket === null) return 0;
    const nowMs = this.#clock.monotonicMs();
    bucket.take(bytes, nowMs);
    return bucket.waitMs(0, nowMs);
  }

  #seat(address: string, entry: Entry): Seat {
    let isProven = false;
    const prove = () => {
      if (isProven) return;
      isProven = true;
      entry.unproven -= 1;
      this.#unproven -= 1;
    };
    return {
      prove,
      leave: () => {
        prove();
        entry.connections -= 1;
        if (entry.connections === 0) this.#entries.delete(address);
      },
    };
  }

  #newEntry(): Entry {
    const { addressBytesPerSecond: perSecond, burstSeconds } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    const bytes =
      perSecond === undefined ? null : new Bucket(perSecond, perSecond * burstSeconds, nowMs);
    return { connections: 0, unproven: 0, bytes };
  }
}

const shareOf = (most: number, share: number) => Math.max(1, Math.floor(most * share));
