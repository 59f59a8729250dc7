import type { Disk } from '../disk.js';
import { type Checkpoint, readSlot, type SlotOutcome, slotNames } from './checkpoint.js';
import { errorCode, errorText } from './error.js';
import { newerFormat } from './segments.js';

// Both checkpoints as an audit finds them: a proxy beside may be writing one, and the disk may not give it.

interface Options {
  folder: string;
  disk: Disk;
  /** Before one that can't be read is read again. */
  pause(): Promise<void>;
}

export type Slots = { name: string; slot: Checkpoint | 'blank' | 'damaged' | Unreadable }[];

/** What the disk said. */
export interface Unreadable {
  text: string;
}

export async function readSlots({ folder, disk, pause }: Options): Promise<Slots> {
  const slots: Slots = [];
  for (const name of slotNames) {
    const path = `${folder}/${name}`;
    let slot = await readSlotOf(disk, path);
    for (let more = 3; slot === 'damaged' && more > 0; more--) {
      await pause();
      slot = await readSlotOf(disk, path);
    }
    if (slot === 'newer') throw newerFormat(path);
    slots.push({ name, slot });
  }
  return slots;
}

async function readSlotOf(disk: Disk, path: string): Promise<SlotOutcome | Unreadable> {
  try {
    return await readSlot(disk, path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return { text: errorText(error) };
  }
}

/** Null of what holds no checkpoint. */
export function checkpointOf(slot: Slots[number]['slot']): Checkpoint | null {
  return typeof slot === 'object' && 'sequence' in slot ? slot : null;
}

export function newestOf(slots: Slots): Checkpoint | null {
  let newest: Checkpoint | null = null;
  for (const { slot } of slots) {
    const checkpoint = checkpointOf(slot);
    if (checkpoint === null) continue;
    if (newest === null || checkpoint.sequence > newest.sequence) newest = checkpoint;
  }
  return newest;
}
