import type { Disk, DiskFile } from '../../../proxy/disk.js';
import { Random } from '../../random.js';
import { type Piece, SimulatedFile } from './simulated-file.js';

// A disk of one folder whose power can be cut. What processes see (`#names`, a file's `seen`) and what
// is on the platter (`#platterNames`, `kept`) are apart until a sync; a cut keeps any part of the
// rest, writes and folder entries alike, torn where it likes. A copy is cheap, so that every call of
// a run can be followed by many cuts.
// Assumed of a disk: what was synced stays, and names of one file change in order.

export type Call = 'create' | 'write' | 'sync' | 'allocate' | 'remove' | 'syncFolder';

/** What a cut leaves of what was not synced: `prefix` in the order of the calls, the last one torn. */
export const outcomes = ['nothing', 'prefix', 'any', 'everything'] as const;
export type Outcome = (typeof outcomes)[number];

interface NameChange {
  order: number;
  name: string;
  /** Null: removed. */
  file: SimulatedFile | null;
}

/** One thing that a power cut keeps or not: a name, a removal, a sector, a file's length. */
export interface Leftover {
  kind: 'name' | 'removal' | Piece['kind'];
  order: number;
  name: string;
  /** Whose piece it is; null for a change of names. */
  file: SimulatedFile | null;
  piece: Piece | null;
}

export class SimulatedDisk {
  /** Every file together; above it is ENOSPC. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** The error code with which a call fails. */
  fault: ((call: Call, name: string) => string | null) | null = null;
  /** After a call took effect, or failed with a code, and before its caller knows. */
  afterCall: ((call: Call, name: string, code: string | null) => Promise<void> | void) | null =
    null;
  readonly #random: Random;
  #names = new Map<string, SimulatedFile>();
  #platterNames = new Map<string, SimulatedFile>();
  #changes: NameChange[] = [];
  #order = 0;
  #locked = false;
  #isOff = false;

  constructor(random: Random) {
    this.#random = random;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += file.seen.length;
    return bytes;
  }

  names(): string[] {
    return [...this.#names.keys()];
  }

  /** For a test that damages a file: its bytes, as on the platter. */
  bytesOf(name: string): Buffer {
    return Buffer.from(this.#names.get(name)!.seen);
  }
  put(name: string, bytes: Uint8Array): void {
    const file = new SimulatedFile(bytes);
    this.#names.set(name, file);
    this.#platterNames.set(name, file);
  }
  rename(from: string, to: string): void {
    this.put(to, this.bytesOf(from));
    this.delete(from);
  }
  delete(name: string): void {
    this.#names.delete(name);
    this.#platterNames.delete(name);
  }

  /** The process is gone; all that it wrote is still seen, the last write perhaps in part. */
  kill(random: Random): SimulatedDisk {
    const copy = this.#copy(random);
    for (const file of copy.#names.values()) file.tearLast(this.#order, random);
    return copy;
  }

  /** The power is gone, and back. */
  cut(outcome: Outcome, random: Random): SimulatedDisk {
    const copy = this.#copy(random);
    const until = outcome === 'prefix' ? random.below(this.#order + 2) : 0;
    const survives = (order: number) =>
      outcome === 'everything' ||
      (outcome === 'prefix' && order < until) ||
      (outcome === 'any' && random.chance(0.5));
    for (const { order, name, file } of copy.#changes) {
      if (!survives(order)) continue;
      if (file === null) copy.#platterNames.delete(name);
      else copy.#platterNames.set(name, file);
    }
    copy.#changes = [];
    for (const file of new Set(copy.#platterNames.values())) file.cut(outcome, until, random);
    copy.#names = new Map(copy.#platterNames);
    return copy;
  }

  /** What a power cut may keep or not: changes of names, and what files have unsynced, in their order. */
  pieces(): Leftover[] {
    const found: Leftover[] = this.#changes.map(({ order, name, file }) => {
      const kind = file === null ? ('removal' as const) : ('name' as const);
      return { kind, order, name, file: null, piece: null };
    });
    for (const [file, name] of this.#files()) {
      for (const piece of file.pieces()) {
        found.push({ kind: piece.kind, order: piece.order, name, file, piece });
      }
    }
    return found.sort((a, b) => a.order - b.order);
  }

  /** The power is gone and back, and these of `pieces()` are on the platter. */
  cutTo(kept: readonly Leftover[]): SimulatedDisk {
    const files = new Map<SimulatedFile, SimulatedFile>();
    const copy = this.#copy(new Random(this.#order), files);
    for (const change of this.#changes) {
      if (!kept.some(({ file, order }) => file === null && order === change.order)) continue;
      if (change.file === null) copy.#platterNames.delete(change.name);
      else copy.#platterNames.set(change.name, files.get(change.file)!);
    }
    copy.#changes = [];
    for (const [file, copied] of files) {
      copied.cutTo(kept.flatMap((one) => (one.file === file ? [one.piece!] : [])));
    }
    copy.#names = new Map(copy.#platterNames);
    return copy;
  }

  /** After how many of its bytes a kill may have ended the call before, where that wrote. */
  tears(): number[] {
    return [...this.#files().keys()].flatMap((file) => file.tears(this.#order));
  }

  /** The process is gone; its last write is done up to there, or whole. */
  killAt(done: number | null): SimulatedDisk {
    const copy = this.#copy(new Random(this.#order));
    if (done === null) return copy;
    for (const file of copy.#files().keys()) {
      if (file.tears(this.#order).length > 0) file.tearAt(done);
    }
    return copy;
  }

  /** Two disks with the same have the same names and bytes. */
  digest(): string {
    const rows = [...this.#names].map(([name, file]) => `${name} ${file.digest()}`);
    return rows.sort().join('\n');
  }

  digestOf(name: string): string {
    return this.#names.get(name)!.digest();
  }

  #files(): Map<SimulatedFile, string> {
    const files = new Map<SimulatedFile, string>();
    for (const [name, file] of [...this.#names, ...this.#platterNames]) files.set(file, name);
    for (const { name, file } of this.#changes) if (file !== null) files.set(file, name);
    return files;
  }

  /** No call of the processes on this disk answers any more. */
  off(): void {
    this.#isOff = true;
  }

  #copy(random: Random, files = new Map<SimulatedFile, SimulatedFile>()): SimulatedDisk {
    const copy = new SimulatedDisk(random.fork());
    copy.bytesMax = this.bytesMax;
    copy.#order = this.#order;
    const copied = (file: SimulatedFile) => {
      const found = files.get(file) ?? file.copy();
      files.set(file, found);
      return found;
    };
    for (const [name, file] of this.#names) copy.#names.set(name, copied(file));
    for (const [name, file] of this.#platterNames) copy.#platterNames.set(name, copied(file));
    copy.#changes = this.#changes.map((change) => ({
      ...change,
      file: change.file === null ? null : copied(change.file),
    }));
    return copy;
  }

  /** What a process calls. */
  readonly disk: Disk = {
    makeFolder: async () => {},
    list: async () => [...this.#names.keys()],
    create: (path) =>
      this.#call('create', path, (name) => {
        if (this.#names.has(name)) throw failure('EEXIST');
        const file = new SimulatedFile();
        this.#names.set(name, file);
        this.#changes.push({ order: ++this.#order, name, file });
        return this.#handle(file, path);
      }),
    open: async (path) => {
      const file = this.#names.get(nameOf(path));
      if (file === undefined) throw failure('ENOENT');
      return this.#handle(file, path);
    },
    remove: (path) =>
      this.#call('remove', path, (name) => {
        if (!this.#names.delete(name)) throw failure('ENOENT');
        this.#changes.push({ order: ++this.#order, name, file: null });
      }),
    syncFolder: (path) =>
      this.#call(
        'syncFolder',
        path,
        () => this.#syncNames(false),
        () => this.#syncNames(true),
      ),
    freeBytes: async () => Math.max(0, this.bytesMax - this.usedBytes),
    lock: async () => {
      if (this.#locked) throw failure('ELOCKED');
      this.#locked = true;
      return {
        held: async () => true,
        release: async () => {
          this.#locked = false;
        },
      };
    },
  };

  #handle(file: SimulatedFile, path: string): DiskFile {
    return {
      read: async (position, length) =>
        new Uint8Array(file.seen.subarray(position, position + length)),
      write: (position, bytes) =>
        this.#call(
          'write',
          path,
          () => this.#write(file, position, bytes),
          () => this.#write(file, position, bytes.subarray(0, this.#random.below(bytes.length))),
        ),
      sync: () =>
        this.#call(
          'sync',
          path,
          () => file.sync(),
          () => file.failSync(this.#random),
        ),
      size: async () => file.seen.length,
      allocate: (length) =>
        this.#call('allocate', path, () => this.#write(file, 0, new Uint8Array(length))),
      close: async () => {},
    };
  }

  /** As Node's loop over pwrite: what has room is written before ENOSPC is said. */
  #write(file: SimulatedFile, position: number, bytes: Uint8Array): void {
    const grown = Math.max(0, position + bytes.length - file.seen.length);
    const room = this.bytesMax - this.usedBytes;
    const written = grown <= room ? bytes.length : Math.max(0, bytes.length - grown + room);
    file.write(position, bytes.subarray(0, written), ++this.#order);
    if (written < bytes.length) throw failure('ENOSPC');
  }

  #syncNames(fails: boolean): void {
    const left: NameChange[] = [];
    for (const change of this.#changes) {
      if (fails && this.#random.chance(0.5)) left.push(change);
      else if (change.file === null) this.#platterNames.delete(change.name);
      else this.#platterNames.set(change.name, change.file);
    }
    this.#changes = left;
  }

  /** `failed`: what a call that fails does all the same. */
  async #call<T>(
    call: Call,
    path: string,
    effect: (name: string) => T,
    failed: () => void = () => {},
  ): Promise<T> {
    if (this.#isOff) return never;
    const name = nameOf(path);
    let code = this.fault?.(call, name) ?? null;
    try {
      if (code === null) return effect(name);
      failed();
      throw failure(code);
    } catch (error) {
      code ??= (error as { code: string }).code;
      throw error;
    } finally {
      await this.afterCall?.(call, name, code);
      // The caller never hears of it.
      if (this.#isOff) await never;
    }
  }
}

const never = new Promise<never>(() => {});

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function failure(code: string): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}
