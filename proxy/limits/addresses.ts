import type { Clock } from '../clock.js';
import { Bucket } from './bucket.js';

// What one address may have of the proxy: of its connections, of those on which nobody is known yet, of what is read in a second. Shared by all
// listeners. One entry for each address that has a connection, or sent too much a short while ago; none for the others.

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

/** A connection that counts, or a line of a gateway. */
export interface Seat {
  /** Its device is known; from then on it is no stranger. Once or more. */
  prove(): void;
  /** A gateway's behind which nobody is known: it stays, until another needs its place. */
  mayEnd(end: () => void): void;
  /** One for a line behind it on which nobody is known, which counts among those as it does; null: it is one too many. */
  line(): Seat | null;
  /** It is over. Once. */
  leave(): void;
}

interface Entry {
  connections: number;
  unproven: number;
  bytes: Bucket | null;
  /** A timer is to forget it. */
  isForgotten: boolean;
}

export class Addresses {
  readonly #limits: AddressLimits;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** Those that may end, the longest first. */
  readonly #idle = new Map<Seat, { address: string; end: () => void }>();
  #unproven = 0;

  constructor(limits: AddressLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A connection, of a listener that has `open` already: it counts from now on, as one on which nobody is known, or is refused. */
  connect(address: string, open: number): Seat | Refusal {
    const { connectionsMax, addressShare } = this.#limits;
    const { connections = 0 } = this.#entries.get(address) ?? {};
    if (open >= connectionsMax) return 'connections-max';
    if (connections >= shareOf(connectionsMax, addressShare)) return 'address-connections-max';
    if (!this.#hasPlace(address)) return 'unproven-max';
    const entry = this.#entries.get(address) ?? this.#newEntry();
    this.#entries.set(address, entry);
    entry.connections += 1;
    return this.#seat(address, entry, () => {
      entry.connections -= 1;
      this.#forget(address, entry);
    });
  }

  /** Addresses of which something is known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes were read from it: for how many ms nothing more is to be. */
  read(address: string, bytes: number): number {
    const bucket = this.#entries.get(address)?.bytes ?? null;
    if (bucket === null) return 0;
    const nowMs = this.#clock.monotonicMs();
    bucket.take(bytes, nowMs);
    return bucket.waitMs(0, nowMs);
  }

  /** For one more of whom nobody is known; there may be one when another than `own` has ended for it. */
  #hasPlace(address: string, own: Seat | null = null): boolean {
    const { unprovenMax, addressShare } = this.#limits;
    for (;;) {
      const { unproven = 0 } = this.#entries.get(address) ?? {};
      const isCrowded = unproven >= shareOf(unprovenMax, addressShare);
      if (!isCrowded && this.#unproven < unprovenMax) return true;
      const end = this.#idlest(isCrowded ? address : null, own);
      if (end === null) return false;
      end();
    }
  }

  /** Ends the one that may end for longest, of one address or of any. */
  #idlest(address: string | null, own: Seat | null): (() => void) | null {
    for (const [seat, idle] of this.#idle) {
      if (seat === own || (address !== null && idle.address !== address)) continue;
      return () => {
        seat.prove();
        idle.end();
      };
    }
    return null;
  }

  #seat(address: string, entry: Entry, left: () => void): Seat {
    let isProven = false;
    entry.unproven += 1;
    this.#unproven += 1;
    const seat: Seat = {
      prove: () => {
        if (isProven) return;
        isProven = true;
        this.#idle.delete(seat);
        entry.unproven -= 1;
        this.#unproven -= 1;
      },
      mayEnd: (end) => {
        if (!isProven) this.#idle.set(seat, { address, end });
      },
      line: () => (this.#hasPlace(address, seat) ? this.#seat(address, entry, () => {}) : null),
      leave: () => {
        seat.prove();
        left();
      },
    };
    return seat;
  }

  /** When it has made up for what it sent too much: connecting anew gives nobody a burst. */
  #forget(address: string, entry: Entry): void {
    if (entry.connections > 0 || entry.isForgotten) return;
    const waitMs = entry.bytes?.waitMs(Number.POSITIVE_INFINITY, this.#clock.monotonicMs()) ?? 0;
    entry.isForgotten = waitMs > 0;
    if (waitMs === 0) this.#entries.delete(address);
    else {
      this.#clock.after(waitMs, () => {
        entry.isForgotten = false;
        this.#forget(address, entry);
      });
    }
  }

  #newEntry(): Entry {
    const { addressBytesPerSecond: perSecond, burstSeconds } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    const bytes =
      perSecond === undefined ? null : new Bucket(perSecond, perSecond * burstSeconds, nowMs);
    return { connections: 0, unproven: 0, bytes, isForgotten: false };
  }
}

const shareOf = (most: number, share: number) => Math.max(1, Math.floor(most * share));
