import type { Fault } from '../fault.js';
import { bitFlip } from './bit-flip.js';
import { frozen, killed, restarted, stopped } from './broker.js';
import { diskError } from './disk-error.js';
import { diskFull } from './disk-full.js';
import { fence } from './fence.js';
import { blank, cloned, older, wiped } from './journal.js';
import { kill } from './kill.js';
import { delay, drop, hole, reset } from './link.js';
import { power } from './power.js';
import { suspend } from './suspend.js';
import { topic } from './topic.js';

// Thinnest first; the one that `--kills` counts is the first.

export const faults: readonly Fault[] = [
  kill,
  power,
  suspend,
  ...[reset, drop, delay, hole],
  ...[stopped, killed, restarted, frozen],
  fence,
  topic,
  ...[diskError, diskFull, bitFlip],
  ...[wiped, older, cloned, blank],
];
