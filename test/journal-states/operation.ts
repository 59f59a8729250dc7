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
  'failed write', // EIO, and what follows it until a group is synced
  'failed fsync', // the same, of a file or of the folder
  'full disk', // ENOSPC
  'lane change', // an opening that wants another number of lanes
] as const;
export type Operation = (typeof operations)[number];

export class OperationNamer {
  /** 'opening' and 'closing' are known to whoever does them. */
  phase: 'opening' | 'running' | 'closing' = 'opening';
  #before: Operation = 'opening';
  #trouble: Operation | null = null;
  /** The segment that is not durable yet. */
  #making = '';

  begin(): void {
    this.phase = 'opening';
    this.#trouble = null;
  }

  name(call: Call, file: string, code: string | null): Operation {
    const failed = failureOf(call, code);
    if (failed !== null) this.#trouble = failed;
    this.#before = this.#name(call, file);
    const { phase } = this;
    const operation = this.#trouble ?? (phase === 'running' ? this.#before : phase);
    // The segment that is made after a failure is part of it.
    if (failed === null && this.#before === 'fsync') this.#trouble = null;
    return operation;
  }

  #name(call: Call, file: string): Operation {
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

function failureOf(call: Call, code: string | null): Operation | null {
  if (code === null || code === 'ENOENT') return null;
  if (code === 'ENOSPC') return 'full disk';
  return call === 'sync' || call === 'syncFolder' ? 'failed fsync' : 'failed write';
}
