import fc from 'fast-check';
import { createBooks } from '../../../proxy/books.js';
import { countBuffered } from '../../../proxy/buffered.js';
import { auditJournal } from '../../../proxy/journal/audit.js';
import { JournalError } from '../../../proxy/journal/error.js';
import { type Journal, openJournal } from '../../../proxy/journal/journal.js';
import { JournalReader } from '../../../proxy/journal/reader.js';
import type { Located } from '../../../proxy/journal/record.js';
import { block, loss, tableId } from '../../proxy/journal/records.js';
import { SimulatedDisk } from '../../proxy/journal/simulated-disk.js';
import { folder, StillClock, turn } from '../../proxy/journal/still-clock.js';
import { Random } from '../../random.js';
import { bytesOf } from '../arbitraries.js';
import { join } from '../cbor-writer.js';
import { damage, damages, type Harm } from '../journal-damage.js';
import { decodeScript, encodeScript, type Step } from '../script.js';
import { check, drawnSeeds, type Subject, type Target } from '../target.js';

// A journal's folder, damaged: opened by a proxy, read by a lane, audited. The script's first byte says whether the journal was closed or
// killed before.

const shape = { bytesMax: 8_000, segmentBytes: 600 };
const stepsMax = 12;

/** Two devices in turn, a table, losses, a confirmation, four segments. */
async function filled(isClosed: boolean): Promise<{ files: Map<string, Buffer>; all: string[] }> {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new StillClock(new Random(7));
  const journal = await openJournal({
    folder,
    disk: disk.disk,
    clock,
    books: createBooks(),
    ...shape,
  });
  journal.append({ kind: 'table', device: 'kiln', id: tableId, bytes: new Uint8Array(9).fill(7) });
  const all: string[] = [];
  for (let event = 0; event < 5; event++) {
    for (const device of ['press-07', 'kiln']) {
      const record = event === 2 ? loss(device, event, 3) : block(device, event, 1, 60);
      check(journal.append(record), 'the journal of the beginning takes nothing');
      await turn();
      all.push(`${record.kind} ${device} ${event}`);
    }
    if (event === 1) await confirm(disk, journal);
  }
  if (isClosed) await journal.close();
  return { files: new Map(disk.names().map((name) => [name, disk.bytesOf(name)])), all };
}

async function confirm(disk: SimulatedDisk, journal: Journal): Promise<void> {
  const { located } = await read(disk, journal.syncedEnd);
  const [one] = located.filter(({ record }) => record.kind === 'block');
  const { lane, generation, offset, end, check } = one!;
  journal.confirm({ lane, journal: journal.id, generation, offset, end, check }, [['press-07', 1]]);
  await turn();
}

async function read(
  disk: SimulatedDisk,
  until: number,
): Promise<{ located: Located[]; end: number }> {
  const reader = new JournalReader({ folder, disk: disk.disk });
  const located: Located[] = [];
  const end = Math.min(until, await reader.end());
  for (let next = await reader.begin(); next < end; ) {
    const batch = await reader.read(next, end, 300);
    check(batch.next > next, 'reading does not come forward');
    located.push(...batch.located);
    next = batch.next;
  }
  await reader.readTables();
  await reader.close();
  return { located, end };
}

/** What it did, or the kind of its refusal. */
async function orRefusal<T>(doing: Promise<T>): Promise<T | string> {
  try {
    return await doing;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    check(!error.message.includes('\n'), 'a refusal of more than a line');
    return error.kind;
  }
}

class JournalSubject implements Subject {
  readonly #closed: Awaited<ReturnType<typeof filled>>;
  readonly #killed: Awaited<ReturnType<typeof filled>>;

  constructor(
    closed: Awaited<ReturnType<typeof filled>>,
    killed: Awaited<ReturnType<typeof filled>>,
  ) {
    this.#closed = closed;
    this.#killed = killed;
  }

  async run(input: Uint8Array): Promise<string> {
    const { files, all } = (input[0] ?? 0) % 2 === 0 ? this.#closed : this.#killed;
    const disk = new SimulatedDisk(new Random(1));
    for (const [name, bytes] of files) disk.put(name, Buffer.from(bytes));
    const harms = new Set<Harm>();
    for (const step of decodeScript(input.subarray(1), damages.length, stepsMax)) {
      harms.add(damage(disk, step));
    }
    const isForged = harms.has('forged');
    const pause = async () => {};
    const audit = await orRefusal(auditJournal({ folder, disk: disk.disk, pause }));
    const before = await orRefusal(read(disk, Number.MAX_SAFE_INTEGER));
    if (!isForged && typeof before !== 'string') judge(before.located, all);
    const outcome = await this.#open(disk, harms, all);
    if (isForged) return `forged ${outcome}`;
    const isRefused = typeof audit === 'string' || (audit !== null && audit.refusal !== null);
    check(
      isRefused === !outcome.startsWith('open'),
      `verify and a start say different things: ${outcome}`,
    );
    const found =
      typeof audit === 'string' ? audit : (audit?.findings ?? []).map(({ what }) => what);
    return `${outcome} ${[...new Set(found)].join(' ').slice(0, 60)}`;
  }

  async #open(
    disk: SimulatedDisk,
    harms: ReadonlySet<Harm>,
    all: readonly string[],
  ): Promise<string> {
    const clock = new StillClock(new Random(7));
    const books = createBooks();
    const opening = openJournal({ folder, disk: disk.disk, clock, books, ...shape });
    const journal = await orRefusal(opening);
    if (typeof journal === 'string') return journal;
    const after = await orRefusal(read(disk, journal.syncedEnd));
    if (typeof after === 'string') return `open, then ${after}`;
    if (!harms.has('forged')) judge(after.located, all);
    // What damage took is told by its neighbours alone, as events: where there are none, or it was a range that a device had lost, the
    // books are wrong by it.
    const isWhole =
      after.located.filter(({ record }) => 'arrivalMs' in record).length === all.length;
    if (isWhole && !harms.has('forged')) {
      const { balanced } = books.balance(await countBuffered(readerOf(disk), journal));
      check(balanced, 'the books do not balance');
    }
    journal.append(block('press-08', 0));
    await turn();
    const place = journal.places('press-08')?.get(1_764_000_000);
    check(place?.durable === 1 || !journal.writable, 'what was appended is not durable');
    await journal.close();
    return `open ${after.located.length}`;
  }
}

const readerOf = (disk: SimulatedDisk) => new JournalReader({ folder, disk: disk.disk });

/** What is read was written, in its order, each record once. */
function judge(located: readonly Located[], all: readonly string[]): void {
  const texts = located.flatMap(({ record }) =>
    record.kind === 'block' || record.kind === 'loss'
      ? [`${record.kind} ${record.device} ${record.from}`]
      : [],
  );
  const left = [...all];
  for (const text of texts) {
    const at = left.indexOf(text);
    check(at >= 0, 'a record that was never written, twice, or out of its order');
    left.splice(0, at + 1);
  }
}

const step = fc
  .tuple(fc.nat(damages.length - 1), bytesOf(16))
  .map(([operation, bytes]): Step => ({ operation, bytes }));

const script = fc
  .tuple(fc.nat(1), fc.array(step, { minLength: 1, maxLength: 4 }))
  .map(([isKilled, steps]) => join(Uint8Array.of(isKilled), encodeScript(steps)));

export const journalTarget: Target = {
  name: 'journal',
  checks:
    'a refusal of one line, as verify says it, or a journal that takes events again; of what is read each record was written, in its order, once; the books balance',
  arbitrary: script,
  seeds: () => drawnSeeds(script, 6, 'damage'),
  fresh: async () => new JournalSubject(await filled(true), await filled(false)),
};
