import type { Call } from '../proxy/journal/simulated-disk.js';

// What a journal was doing at a call to its disk: told from the calls alone, for the counts.

export const operations = [
  'opening', // everything until the journal takes events
  'append', // a group is written
  'fsync', // of a group
  'rotation', // a segment is made
  'checkpoint', // a slot is made, written, synced
  'deletion', // of segments, and of files that hold nothing
  'reserve',
  'closing',
  'failed write', // EIO
  'failed fsync', // of a file or of the folder
  'full disk', // ENOSPC, and what follows it
  'lane change', // an opening with another number of lanes
] as const;
export type Operation = (typeof operations)[number];

export class OperationNamer {
  /** 'opening' and 'closing' are known to whoever does them. */
  phase: 'opening' | 'running' | 'closing' = 'opening';
  #before: Operation = 'opening';
  /** The segment that is not durable yet. */
  #making = '';

  name(call: Call, file: string, code: string | null): Operation {
    this.#before = this.#name(call, file, code);
    return this.#before;
  }

  #name(call: Call, file: string, code: string | null): Operation {
    if (code === 'ENOSPC') return 'full disk';
    if (code !== null && code !== 'ENOENT') {
      return call === 'sync' || call === 'syncFolder' ? 'failed fsync' : 'failed write';
    }
    if (this.phase !== 'running') return this.phase;
    if (call === 'syncFolder') {
      // For what was done in it right before.
      this.#making = '';
      return this.#before;
    }
    if (file.startsWith('checkpoint')) return 'checkpoint';
    if (file === 'reserve') return 'reserve';
    if (call === 'remove') return 'deletion';
    if (call === 'create') this.#making = file;
    if (file === this.#making) return 'rotation';
    return call === 'sync' ? 'fsync' : 'append';
  }
}
