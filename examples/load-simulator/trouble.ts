// What the proxy does that it should not: refuses, loses connections, stops acknowledging, brings nothing into Kafka. Looked at each second;
// what lasts is one entry, with its time and its counts, and is said when it begins and when it ends.

import type { Span } from './disturbances.js';
import { count } from './words.js';

export interface Sight {
  atMs: number;
  /** Devices that are on, and of these how many have a connection. */
  on: number;
  connected: number;
  /** Connections that could not be made since the last look, and that were lost, by what the system said. */
  failures: ReadonlyMap<string, number>;
  losses: ReadonlyMap<string, number>;
  onDevices: number;
  inProxy: number;
  acknowledged: number;
  inKafka: number;
  /** The simulator itself disturbs some devices; all of them. */
  isDisturbed: boolean;
  isHeldUp: boolean;
}

const stallMs = 5_000;

const names: Record<Kind, string> = {
  unreachable: 'devices without a connection',
  silent: 'no acknowledgements',
  undelivered: 'nothing into Kafka',
};

type Kind = 'unreachable' | 'silent' | 'undelivered';

export class TroubleWatch {
  readonly spans: Span[] = [];
  readonly #say: (text: string) => void;
  readonly #open = new Map<Kind, Span>();
  readonly #isProven: boolean;
  #acknowledged = { events: -1, atMs: 0 };
  #inKafka = { events: -1, atMs: 0 };

  constructor(say: (text: string) => void, isProven: boolean) {
    this.#say = say;
    this.#isProven = isProven;
  }

  look(sight: Sight): void {
    const { on, connected, failures, losses, atMs, onDevices, inProxy } = sight;
    const codes = [...failures, ...losses].map(([code, times]) => `${count(times)} × ${code}`);
    // No fault of the simulator's making refuses a connection.
    const isUnreachable = failures.size > 0 || (losses.size > 0 && !sight.isDisturbed);
    this.#is(
      'unreachable',
      isUnreachable && connected < on,
      atMs,
      `${count(on - connected)} of ${count(on)} devices have no connection: ${codes.join(', ')}`,
      connected < on,
    );
    if (sight.acknowledged !== this.#acknowledged.events || onDevices === 0 || sight.isHeldUp) {
      this.#acknowledged = { events: sight.acknowledged, atMs };
    }
    this.#is(
      'silent',
      atMs - this.#acknowledged.atMs >= stallMs && connected > 0,
      atMs,
      `the proxy acknowledges nothing: ${count(onDevices)} events wait on devices, of which ${count(connected)} are connected`,
    );
    if (sight.inKafka !== this.#inKafka.events || inProxy === 0) {
      this.#inKafka = { events: sight.inKafka, atMs };
    }
    this.#is(
      'undelivered',
      this.#isProven && atMs - this.#inKafka.atMs >= stallMs,
      atMs,
      `nothing comes into Kafka: ${count(inProxy)} acknowledged events wait in the proxy; its log and /readyz say why`,
    );
  }

  end(atMs: number): void {
    for (const span of this.#open.values()) span.toMs = atMs;
  }

  #is(kind: Kind, isSo: boolean, atMs: number, text: string, goesOn = false): void {
    const open = this.#open.get(kind);
    if (isSo && open === undefined) {
      const began = kind === 'unreachable' ? atMs : atMs - stallMs;
      const span: Span = { kind, text, fromMs: Math.max(0, began), toMs: null };
      this.#open.set(kind, span);
      this.spans.push(span);
      this.#say(text);
    } else if (isSo && open !== undefined) {
      if (kind !== 'unreachable') open.text = text;
    } else if (open !== undefined && !goesOn) {
      open.toMs = atMs;
      this.#open.delete(kind);
      this.#say(`over after ${((atMs - open.fromMs) / 1000).toFixed(1)} s: ${names[kind]}`);
    }
  }
}
