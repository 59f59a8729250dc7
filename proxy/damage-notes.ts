import { type Damage, damageText } from './journal/damage.js';
import type { Log } from './log.js';

// Damage in the journal, as the opening and each lane meet it: said once each in the log, and counted for
// the metrics. A disk that dies is not said a million times.

export interface DamageNotes {
  note(damage: Damage): void;
  /** Damaged places that this process has met. */
  readonly count: number;
}

const saidMax = 100;
const keptMax = 100_000;

export function createDamageNotes(log: Log): DamageNotes {
  const met = new Set<string>();
  return {
    note(damage) {
      const key = `${damage.file} ${damage.what} ${damage.offset}`;
      if (met.has(key) || met.size >= keptMax) return;
      met.add(key);
      if (met.size > saidMax) return;
      // A crash in the middle of a checkpoint looks like this, and costs nothing.
      const level = damage.what === 'checkpoint' ? 'info' : 'error';
      const more = met.size === saidMax ? '; no more of them are said' : '';
      log[level]({ damage }, `${damageText(damage)}${more}`);
    },
    get count() {
      return met.size;
    },
  };
}
