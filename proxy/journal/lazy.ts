import type { Clock } from '../clock.js';
import type { ConfirmRecord, Dropped, ForgetRecord, Position } from './record.js';

// What may wait for company: confirmations and forgettings ride with the next group, or go alone
// after a short while ([J-44]). Bounded: one confirmation a lane, merged, and one more for each
// failed call to the disk while there are any; one wish a place.

interface Confirm {
  position: Position;
  committed: Map<string, number>;
  dropped: Dropped[];
  /**
   * It was in a group or a checkpoint that failed, and may be found on the disk all the same. A
   * later one is not merged with it, so that replay knows it by its position and counts it once.
   */
  wasWritten: boolean;
}

/** Of one lane in the order of their positions. */
type Confirms = Confirm[];

export class Lazy {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #due: () => void;
  #confirms: Confirms = [];
  /** In the group that is being written. */
  #flying: Confirms = [];
  /** device → boots to forget once Kafka has their events. */
  readonly #wishes = new Map<string, Set<number>>();
  #forgetting = new Map<string, Set<number>>();
  #isDue = false;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, delayMs: number, due: () => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#due = due;
  }

  confirm(
    position: Position,
    committed: readonly [string, number][],
    dropped: readonly Dropped[],
  ): void {
    const open = this.#confirms.findLast((one) => one.position.lane === position.lane);
    if (open === undefined || open.wasWritten) {
      this.#confirms.push({
        ...{ position, committed: new Map(committed), dropped: [...dropped], wasWritten: false },
      });
    } else {
      open.position = position;
      open.dropped.push(...dropped);
      for (const [device, events] of committed) {
        open.committed.set(device, (open.committed.get(device) ?? 0) + events);
      }
    }
    this.#arm();
  }

  forget(device: string, boot: number): void {
    const wishes = this.#wishes.get(device) ?? new Set();
    this.#wishes.set(device, wishes.add(boot));
    this.#arm();
  }

  /** New events came: the wish is void. */
  keep(device: string, boot: number): void {
    const wishes = this.#wishes.get(device);
    if (wishes?.delete(boot) && wishes.size === 0) this.#wishes.delete(device);
  }

  /** Its forgetting is being written: its place takes nothing until that is settled. */
  isForgetting(device: string, boot: number): boolean {
    return this.#forgetting.get(device)?.has(boot) ?? false;
  }

  /** Records for the group that is written now: all if it has company or the time has come. */
  take(
    hasCompany: boolean,
    mayForget: (device: string, boot: number) => boolean | null,
  ): (ConfirmRecord | ForgetRecord)[] {
    if (!hasCompany && !this.#isDue) return [];
    this.#isDue = false;
    this.#cancel?.();
    this.#cancel = null;
    const records: (ConfirmRecord | ForgetRecord)[] = [];
    this.#flying = this.#confirms;
    this.#confirms = [];
    for (const { position, committed, dropped } of this.#flying) {
      const more = dropped.length > 0 ? { dropped } : {};
      records.push({ kind: 'confirm', position, committed: [...committed], ...more });
    }
    for (const [device, wishes] of this.#wishes) {
      const boots: number[] = [];
      for (const boot of wishes) {
        const may = mayForget(device, boot);
        if (may === null) this.keep(device, boot);
        else if (may) boots.push(boot);
      }
      if (boots.length === 0) continue;
      records.push({ kind: 'forget', device, boots });
      this.#forgetting.set(device, new Set(boots));
    }
    return records;
  }

  /** The group was synced. */
  settled(): void {
    this.#flying = [];
    for (const [device, boots] of this.#forgetting) {
      for (const boot of boots) this.keep(device, boot);
    }
    this.#forgetting = new Map();
  }

  /**
   * The group failed: its confirmations wait again. Wishes don't: the end of the boot may have been said in that very group, and is said
   * again, with the wish, by the next HELLO or first block; a place that is forgotten before would never be said to have ended.
   */
  failed(): void {
    this.giveBack(this.#flying);
    this.#flying = [];
    this.#forgetting = new Map();
    this.#wishes.clear();
  }

  /** A checkpoint says what these records would say. */
  absorb(): Confirms {
    const absorbed = this.#confirms;
    this.#confirms = [];
    return absorbed;
  }

  /** What said it instead failed: they wait again, before those that came since. */
  giveBack(confirms: Confirms): void {
    for (const confirm of confirms) confirm.wasWritten = true;
    this.#confirms = [...confirms, ...this.#confirms];
    if (confirms.length > 0) this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(): void {
    this.#cancel ??= this.#clock.after(this.#delayMs, () => {
      this.#cancel = null;
      this.#isDue = true;
      this.#due();
    });
  }
}
