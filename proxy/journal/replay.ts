import type { Disk } from '../disk.js';
import { countEvents } from './count.js';
import type { OnDamage } from './damage.js';
import type { Books } from './journal.js';
import { openRecord } from './located.js';
import { recordType } from './payload.js';
import type { BlockRecord, ConfirmRecord, Located, LossRecord } from './record.js';
import { missing } from './segments.js';
import type { State } from './state.js';
import { behindDamage, findSyncedEnd, scan, type Walked } from './walk.js';

// The records behind a checkpoint, applied to its state and told to its books ([J-40]). Damage below the
// synced end is passed over and said ([J-33]); above it is a torn tail, and there it ends ([J-31]).

export interface ReplayOptions {
  folder: string;
  disk: Disk;
  books: Books | null;
  onDamage: OnDamage;
}

export interface Stretch {
  walked: Walked;
  path: string;
  journal: string;
  from: number;
  /** Of an older segment its end, of the newest what its file holds. */
  limit: number;
  isNewest: boolean;
}

export const replayBytes = 1 << 20;

export class Replay {
  readonly #options: ReplayOptions;
  readonly #state: State;
  #hasDamage = false;
  /** Lanes that confirmed something since: of the others a confirmation may be missing. */
  readonly #heardOf = new Set<number>();

  constructor(options: ReplayOptions, state: State) {
    this.#options = options;
    this.#state = state;
  }

  /** `end`: where the valid records end; `proven`: where the last group begins. */
  async segment(stretch: Stretch): Promise<{ end: number; proven: number }> {
    const { walked, from, limit, isNewest } = stretch;
    let end = from;
    let proven = from;
    let syncedEnd = isNewest ? null : limit;
    for (;;) {
      const found = await scan(walked, end, limit, replayBytes);
      for (const raw of found.records) {
        if (raw.type === recordType.group) {
          proven = raw.offset;
          continue;
        }
        const { path, journal } = stretch;
        const located = openRecord(raw, { path, journal, generation: walked.generation });
        if (located !== null) await this.#apply(located);
      }
      end = found.next;
      if (found.stopped === 'until') return { end, proven };
      if (found.stopped === 'bytes') continue;
      syncedEnd ??= await findSyncedEnd(walked, end);
      if (end >= syncedEnd) return { end, proven };
      end = await this.#passOver(stretch, end, syncedEnd);
    }
  }

  async #passOver({ walked, path }: Stretch, offset: number, syncedEnd: number): Promise<number> {
    const end = await behindDamage(walked, offset, syncedEnd);
    if (end === null) throw missing(path, offset, syncedEnd);
    this.#options.onDamage({ file: path, what: 'record', offset, end });
    this.#hasDamage = true;
    this.#heardOf.clear();
    return end;
  }

  async #apply({ record, lane, offset }: Located): Promise<void> {
    const { books } = this.#options;
    if (this.#hasDamage && (record.kind === 'block' || record.kind === 'loss'))
      this.#missed(record);
    const before =
      record.kind === 'confirm' ? this.#state.confirmed.get(record.position.lane) : null;
    if (!this.#state.apply(record, lane, offset)) return;
    if (record.kind === 'confirm') {
      const committed = await this.#committed(record, before?.end ?? 0);
      books?.confirmed(record.position.lane, committed, record.dropped ?? []);
    } else if (record.kind !== 'forget') books?.synced(record);
  }

  /** The events between the place and this record were received: a damaged record held them. */
  #missed({ device, boot, from }: BlockRecord | LossRecord): void {
    const place = this.#state.place(device, boot);
    if (place === undefined || place.durable >= from) return;
    this.#options.books?.damaged(device, from - place.durable);
  }

  /** Where the confirmation before it may be what was damaged: also what that one counted. */
  async #committed(
    { position, committed }: ConfirmRecord,
    from: number,
  ): Promise<ConfirmRecord['committed']> {
    if (!this.#hasDamage || this.#heardOf.has(position.lane)) return committed;
    this.#heardOf.add(position.lane);
    const counted = await countEvents(this.#options, position.lane, from, position.end);
    for (const [device, events] of committed) {
      counted.set(device, Math.max(events, counted.get(device) ?? 0));
    }
    return [...counted];
  }
}
