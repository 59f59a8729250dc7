import type { Life, Scheduler } from './scheduler.js';

// The way between a lane and Kafka: requests and answers take time, get lost, wait on their way or meet nobody. What is on its
// way stays on it when its sender dies, so that a commit can arrive long after.

export type Step = 'ask' | 'init' | 'addPartitions' | 'produce' | 'endTxn';

export interface NetworkFaults {
  /** Share of the requests that never arrive, and of the answers. */
  lostRequests: number;
  lostAnswers: number;
  /** Share of the requests that are late by up to `lateMs`. */
  late: number;
  lateMs: number;
}

export const soundNetwork: NetworkFaults = { lostRequests: 0, lostAnswers: 0, late: 0, lateMs: 0 };

export interface Dice {
  next(): number;
  chance(probability: number): boolean;
}

export class ModelNetwork {
  faults = soundNetwork;
  /** `refused`: nobody listens; `silent`: nothing arrives, and nobody says so. */
  away: 'refused' | 'silent' | null = null;
  onRequest: (step: Step, what: string) => void = () => {};
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #loseAnswers = new Map<Step, number>();
  readonly #loseRequests = new Map<Step, number>();
  readonly #gates = new Map<Step, { hold: () => void; released: Promise<void> }>();

  constructor(scheduler: Scheduler, dice: Dice) {
    this.#scheduler = scheduler;
    this.#dice = dice;
  }

  loseAnswers(step: Step, count: number): void {
    this.#loseAnswers.set(step, count);
  }

  loseRequests(step: Step, count: number): void {
    this.#loseRequests.set(step, count);
  }

  hold(step: Step): { held: Promise<void>; release(): void } {
    let release = () => {};
    let hold = () => {};
    const held = new Promise<void>((resolve) => {
      hold = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#gates.set(step, { hold, released });
    return { held, release };
  }

  /** `carryOut` is Kafka's work; `answered` is told its outcome, `refused` that nobody listens. */
  send<T>(
    from: Life,
    step: Step,
    carryOut: () => T,
    answered: (outcome: { value: T } | { error: unknown }) => void,
    refused: () => void,
  ): void {
    const dice = this.#dice;
    if (this.away === 'refused') {
      from.after(1, refused);
      return;
    }
    const { faults } = this;
    if (this.away === 'silent' || taken(this.#loseRequests, step)) return;
    if (dice.chance(faults.lostRequests)) {
      this.onRequest(step, 'is lost');
      return;
    }
    const isLate = dice.chance(faults.late);
    const delayMs = isLate ? dice.next() * faults.lateMs : 0.2 + dice.next();
    if (isLate) this.onRequest(step, `is late by ${Math.round(delayMs)} ms`);
    const arrive = () => {
      if (this.away !== null) return;
      let outcome: { value: T } | { error: unknown };
      try {
        outcome = { value: carryOut() };
      } catch (error) {
        outcome = { error };
      }
      const error = 'error' in outcome ? `: ${(outcome.error as Error).message}` : '';
      const isLost = taken(this.#loseAnswers, step) || dice.chance(faults.lostAnswers);
      this.onRequest(step, `carried out${error}${isLost ? ', and its answer is lost' : ''}`);
      if (!isLost) from.after(0.2 + dice.next(), () => answered(outcome));
    };
    this.#scheduler.after(delayMs, () => {
      const gate = this.#gates.get(step);
      if (gate === undefined) {
        arrive();
        return;
      }
      this.#gates.delete(step);
      gate.hold();
      void gate.released.then(arrive);
    });
  }
}

function taken(counts: Map<Step, number>, step: Step): boolean {
  const left = counts.get(step) ?? 0;
  if (left > 0) counts.set(step, left - 1);
  return left > 0;
}
