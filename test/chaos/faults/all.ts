import type { Fault } from '../fault.js';
import { kill } from './kill.js';

export const faults: readonly Fault[] = [kill];
