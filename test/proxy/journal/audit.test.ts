import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Disk, DiskFile } from '../../../proxy/disk.js';
import { nodeDisk } from '../../../proxy/disk-node.js';
import { auditJournal } from '../../../proxy/journal/audit.js';
import type { Journal } from '../../../proxy/journal/journal.js';
import { JournalReader } from '../../../proxy/journal/reader.js';
import type { Located } from '../../../proxy/journal/record.js';
import { until } from '../../site/until.js';
import { block, openReal, positionOf, settled } from './records.js';

// An audit beside a journal that does not stand still: between any two of the audit's calls to the disk the journal grows,
// begins segments, writes checkpoints, lets segments go, gives up groups. Nothing of that is damage.

const test = suite<{ folder: string }>('audit');
test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'headwater-audit-'));
});
test.after.each(({ folder }) => rm(folder, { recursive: true, force: true }));

/** The real disk; before each call something happens, one thing at a time. */
function disturbed(disturb: () => Promise<void>): Disk {
  const disk = nodeDisk();
  let last = Promise.resolve();
  const happens = () => {
    last = last.then(disturb);
    return last;
  };
  const openFile = (file: DiskFile): DiskFile => ({
    ...file,
    async read(position, length) {
      await happens();
      return file.read(position, length);
    },
    async size() {
      await happens();
      return file.size();
    },
  });
  return {
    ...disk,
    async list(folder) {
      await happens();
      return disk.list(folder);
    },
    async open(path, mode) {
      await happens();
      return openFile(await disk.open(path, mode));
    },
  };
}

/** A disk on which a sync can be held, while what it was for is seen, and then fails. */
class HeldDisk {
  #reached: (() => void) | null = null;
  #release: (() => void) | null = null;

  readonly disk: Disk = {
    ...nodeDisk(),
    create: async (path) => this.#wrapped(await nodeDisk().create(path), path),
  };

  /** Answers once the next sync of a segment is asked for. */
  hold(): Promise<void> {
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  fail(): void {
    this.#release?.();
    this.#release = null;
  }

  #wrapped(file: DiskFile, path: string): DiskFile {
    return {
      ...file,
      sync: async () => {
        const reached = this.#reached;
        if (reached === null || !path.endsWith('.segment')) return file.sync();
        this.#reached = null;
        await new Promise<void>((resolve) => {
          this.#release = resolve;
          reached();
        });
        throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      },
    };
  }
}

/** A living journal: two devices, and a lane that confirms all of it. */
class Life {
  readonly journal: Journal;
  readonly #folder: string;
  readonly #reader: JournalReader;
  readonly #seqs = new Map([
    ['press-07', 0],
    ['kiln', 0],
  ]);
  #next = 0;

  constructor(folder: string, journal: Journal) {
    this.journal = journal;
    this.#folder = folder;
    this.#reader = new JournalReader({ folder, disk: nodeDisk() });
  }

  async grow(): Promise<void> {
    for (const [device, seq] of this.#seqs) {
      if (!this.journal.append(block(device, seq, 1, 60))) continue;
      this.#seqs.set(device, seq + 1);
    }
    await settled(this.journal);
  }

  async confirmAll(): Promise<void> {
    let last: Located | undefined;
    while (this.#next < this.journal.syncedEnd) {
      const { located, next } = await this.#reader.read(
        this.#next,
        this.journal.syncedEnd,
        1 << 20,
      );
      last = located.findLast(({ record }) => record.kind === 'block') ?? last;
      this.#next = next;
    }
    if (last !== undefined) this.journal.confirm(positionOf(this.journal, last), []);
  }

  /** What Kafka has is gone. */
  async forgotten(): Promise<void> {
    const begin = () => new JournalReader({ folder: this.#folder, disk: nodeDisk() }).begin();
    await until(async () => (await begin()) > 0);
  }

  /** A group is written and can be seen, and its sync does not come back yet. */
  async hang(held: HeldDisk): Promise<void> {
    const reached = held.hold();
    for (const [device, seq] of this.#seqs) this.journal.append(block(device, seq, 1, 400));
    await reached;
  }

  /** The sync fails; what the group held comes again in another segment, otherwise divided. */
  async giveUp(held: HeldDisk): Promise<void> {
    const failed = new Promise<void>((resolve) => this.journal.onFailed(() => resolve()));
    held.fail();
    await failed;
    while (!this.journal.writable) await sleep(5);
    await this.grow();
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.journal.close();
  }
}

const audited = (folder: string, disk: Disk) =>
  auditJournal({ folder, disk, pause: () => Promise.resolve() });

for (const segmentBytes of [1_200, 1 << 18]) {
  for (const isConfirmed of [true, false]) {
    const name = isConfirmed ? 'Kafka has it soon' : 'nothing is confirmed';
    test(`it grows at each call, ${name}, segments of ${segmentBytes} bytes: nothing is found`, async ({
      folder,
    }) => {
      const life = new Life(
        folder,
        await openReal(folder, { segmentBytes, confirmDelayMs: 1, bytesMax: 1 << 22 }),
      );
      for (let event = 0; event < 30; event++) await life.grow();
      let calls = 0;
      const disk = disturbed(async () => {
        // It ends: the journal is read to an end that was looked for before.
        if (calls++ > 300) return;
        await life.grow();
        if (isConfirmed && calls % 50 === 0) await life.confirmAll();
      });
      const audit = await audited(folder, disk);
      assert.equal(audit?.findings, []);
      assert.equal(audit?.lost, []);
      assert.ok(calls > 20);
      await life.close();
      assert.equal((await audited(folder, nodeDisk()))?.findings, []);
    });
  }
}

test('it grows, and goes, at one call only, whichever it is: nothing is found', async ({
  folder,
}) => {
  for (let at = 0, isReached = true; isReached; at++) {
    const own = join(folder, String(at));
    const life = new Life(own, await openReal(own, { segmentBytes: 1_200, confirmDelayMs: 1 }));
    for (let event = 0; event < 12; event++) await life.grow();
    let calls = 0;
    isReached = false;
    const disk = disturbed(async () => {
      if (calls++ !== at) return;
      isReached = true;
      await life.confirmAll();
      for (let event = 0; event < 12; event++) await life.grow();
      await life.confirmAll();
      for (let event = 0; event < 12; event++) await life.grow();
      await life.forgotten();
    });
    const audit = await audited(own, disk);
    assert.equal(audit?.findings, [], `at call ${at}`);
    assert.equal(audit?.lost, [], `at call ${at}`);
    await life.close();
  }
});

for (const callsBetween of [1, 3, 8]) {
  test(`a group that is seen, and given up ${callsBetween} calls later: nothing is found`, async ({
    folder,
  }) => {
    for (let at = 0, isReached = true; isReached; at += 2) {
      const own = join(folder, String(at));
      const held = new HeldDisk();
      const life = new Life(own, await openReal(own, { segmentBytes: 4_000, disk: held.disk }));
      for (let event = 0; event < 12; event++) await life.grow();
      let calls = 0;
      isReached = false;
      const disk = disturbed(async () => {
        const call = calls++;
        if (call === at) await life.hang(held);
        if (call !== at + callsBetween) return;
        isReached = true;
        await life.giveUp(held);
      });
      const audit = await audited(own, disk);
      assert.equal(audit?.findings, [], `at call ${at}`);
      assert.equal(audit?.lost, [], `at call ${at}`);
      held.fail();
      await life.close();
    }
  });
}

test.run();
