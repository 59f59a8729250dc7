import type { Random } from '../random.js';
import type { Scene } from './scene.js';

// One thing that can go wrong with a site: it is injected under load, and healed.

export interface Fault {
  /** As `--only` takes it. */
  name: string;
  /** For the help. */
  about: string;
  /** Where it works on few brokers only. */
  brokersMax?: number;
  /** Why it can't be had on this machine; null: it can. */
  hindrance?(): Promise<string | null>;
  /** Answers what ends it. */
  inject(scene: Scene, random: Random): Promise<Heal>;
}

/**
 * Ends the fault; answers when its cause was gone, as performance.now() counts: flow is measured from there.
 * For a proxy that was killed that is the moment of its new start, not that of its listening.
 */
export type Heal = () => Promise<number>;

/** For faults whose cause is gone at once. */
export function healed(): number {
  return performance.now();
}
