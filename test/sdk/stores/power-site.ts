import * as assert from 'uvu/assert';
import { byJournal } from '../../../proxy/acknowledged.js';
import { noKeys } from '../../../proxy/auth/auth.js';
import { decodeBlock } from '../../../proxy/block.js';
import { createBooks } from '../../../proxy/books.js';
import { createOutcomes } from '../../../proxy/outcomes.js';
import { Sessions } from '../../../proxy/sessions.js';
import { decodeTable } from '../../../proxy/table.js';
import type { Region } from '../../../sdk/stores/region.js';
import type { Store } from '../../../sdk/stores/store.js';
import { type Sdk, sdkFactory } from '../../../targets/instance.js';
import { MemoryJournal } from '../../proxy/memory-journal.js';
import { siteLimits, TestClock } from '../../proxy/talk.js';
import { Random } from '../../random.js';
import { FaultyLink } from '../../simulation/faulty-link.js';
import { type VirtualEngine, virtualEngine } from '../virtual-engine.js';
import { PowerCut } from './flash-model.js';

// A device whose store outlives the power, and the proxy's own sessions, over a link without faults unless a test says so. Each event says which life of
// the device it is of and which seq it must have; what the store had taken is known, so that at the end the journal alone shows whether
// something was lost, doubled, moved or invented.

const instantiate = await sdkFactory();
const device = 'press-07';

interface Life {
  sdk: Sdk;
  engine: VirtualEngine;
  /** What `send` took, by seq. */
  accepted: boolean[];
  /** Seqs in the store: append() came back. */
  stored: Set<number>;
  /** Seqs of the block that was being written when the power ended. */
  writing: number[];
  /** What append() said it gave up. */
  dropped: number;
  send(): void;
}

export class PowerSite {
  readonly lives: Life[] = [];
  readonly random: Random;
  /** Bytes of blocks that the store has taken, and their number. */
  blockBytes = 0;
  blocks = 0;
  arrived = 0;
  journal = new MemoryJournal();
  isOnline = true;
  readonly #region: Region;
  readonly #clock = new TestClock();
  readonly faulty: FaultyLink;
  #sessions: Sessions;
  readonly #wrap: (sdk: Sdk, store: Store) => Store;
  readonly bufferBytes: number;

  constructor(
    seed: number,
    region: Region,
    bufferBytes = 512,
    wrap: (sdk: Sdk, store: Store) => Store = (_, store) => store,
  ) {
    this.random = new Random(seed);
    this.#region = region;
    this.bufferBytes = bufferBytes;
    this.#wrap = wrap;
    this.#sessions = this.#startProxy();
    this.faulty = new FaultyLink(this.random, 'connection', (channel) =>
      this.#sessions.accept(channel),
    );
    this.faulty.healed = true;
  }

  get life(): Life {
    return this.lives.at(-1)!;
  }

  /** Power on, with a firmware of one table or another. */
  boot(): void {
    this.faulty.forgetDevice();
    const engine = virtualEngine(this.random.below(3) * 1_000);
    engine.random = () => this.random.next();
    const sdk = instantiate(engine);
    const number = this.lives.length;
    const life: Life = {
      ...{ sdk, engine, accepted: [], stored: new Set<number>(), writing: [], dropped: 0 },
      send: () => {},
    };
    this.lives.push(life);
    if (this.random.chance(1 / 3)) sdk.stream('other-firmware', { mode: sdk.text, n: sdk.uint });
    const origin = sdk.stream('origin', { life: sdk.uint, seq: sdk.uint, fill: sdk.text });
    const made = sdk.flash(this.#region);
    if (!made) throw new Error('a newer format');
    const inner = this.#wrap(sdk, made);
    const store: Store = {
      ...inner,
      append: (entry, events) => {
        const first = Buffer.from(entry).readUInt32BE(2);
        life.writing = Array.from({ length: events }, (_, index) => first + index);
        const dropped = inner.append(entry, events);
        for (const seq of life.writing) life.stored.add(seq);
        life.writing = [];
        life.dropped += dropped;
        this.blocks++;
        this.blockBytes += entry.length - 8;
        return dropped;
      },
    };
    const options = { bufferBytes: this.bufferBytes, lingerMs: 300, ackTimeoutMs: 1_000 };
    const { faulty } = this;
    const link = {
      open: (events: Parameters<FaultyLink['open']>[0]) => {
        if (this.isOnline) faulty.open(events);
      },
      write: (bytes: Uint8Array) => faulty.write(bytes),
      close: () => faulty.close(),
    };
    const hw = sdk.producer({ device, link, store, retryBackoffMs: 50, ...options });
    life.send = () => {
      const seq = life.accepted.length;
      life.accepted.push(true);
      const fill = 'x'.repeat(this.random.below(this.bufferBytes > 700 ? 40 : 25));
      const taken = hw.send(origin, { life: number, seq, fill });
      assert.is(taken, 'flash');
    };
  }

  goOffline(): void {
    this.isOnline = false;
    this.faulty.cut();
  }

  crashProxy(): void {
    this.journal = this.journal.afterCrash();
    this.#sessions = this.#startProxy();
    this.faulty.restartProxy((channel) => this.#sessions.accept(channel));
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
    this.life.engine.advance(ms);
    this.faulty.advance(this.#clock.monoMs);
  }

  /** Runs a task; true: the power ended on the way. */
  isCut(task: () => void): boolean {
    try {
      task();
      return false;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      return true;
    }
  }

  /** The link is there, and all that is held goes to the proxy. */
  drain(): void {
    this.isOnline = true;
    this.faulty.healed = true;
    let isFlushed = false;
    this.life.sdk.flush((all) => {
      isFlushed ||= all;
    }, 2 ** 30);
    for (let wait = 0; !isFlushed && wait < 3_000; wait++) {
      this.advance(40);
      this.journal.sync();
    }
    assert.ok(isFlushed, 'the device never got rid of its events');
  }

  /** What must be true at the end; `isRoomy`: the store was never full. */
  check(isRoomy: boolean): void {
    const next = new Map<number, number>();
    const lifeOf = new Map<number, number>();
    const ended = new Set<number>();
    const came = this.lives.map(() => new Set<number>());
    const lost = this.lives.map(() => 0);
    const losses: { boot: number; from: number; to: number }[] = [];
    let newestLife = -1;
    for (const record of this.journal.records) {
      if (record.kind === 'table' || record.arrivalMs < 0) continue;
      const { boot, from } = record;
      if (record.kind === 'loss' && record.to === null) {
        ended.add(boot);
        continue;
      }
      assert.is(from, next.get(boot) ?? 0, `boot ${boot} goes on where it was`);
      next.set(boot, record.kind === 'loss' ? record.to! : record.first + record.count);
      if (record.kind === 'loss') {
        assert.is.not(record.reason, 'undecodable');
        losses.push({ boot, from, to: record.to! });
        continue;
      }
      const table = decodeTable(this.journal.table(device, record.table)!.bytes);
      if (typeof table === 'string') throw new Error(table);
      const block = decodeBlock(record.bytes, table, record.count);
      if (block.kind !== 'events') throw new Error(`a block that is ${block.kind}`);
      block.events.slice(from - record.first).forEach((event, index) => {
        const names = event.fields!.map(({ name }) => name);
        const life = Number(event.values[names.indexOf('life')]);
        const seq = Number(event.values[names.indexOf('seq')]);
        assert.is(seq, from + index, 'each event under its own seq');
        assert.ok(this.lives[life]!.accepted[seq], 'only what send() took');
        assert.ok(!came[life]!.has(seq), `event ${seq} of life ${life} came twice`);
        assert.is(lifeOf.get(boot) ?? life, life, 'two lives under one number');
        assert.ok(life >= newestLife, 'older boots come first');
        newestLife = life;
        lifeOf.set(boot, life);
        came[life]!.add(seq);
        this.arrived++;
      });
    }
    for (const { boot, from, to } of losses) {
      const life = lifeOf.get(boot);
      if (life !== undefined) lost[life]! += to - from;
    }
    const dropped = this.lives.reduce((sum, life) => sum + life.dropped, 0);
    let missing = 0;
    this.lives.forEach((life, index) => {
      const here = [...life.stored].filter((seq) => !came[index]!.has(seq)).length;
      missing += here;
      if (isRoomy) assert.is(here, 0, `life ${index}: stored, and not arrived`);
      // What is not there is said: before the place by a range, behind it by the end of the boot.
      const boots = [...lifeOf].filter(([, of]) => of === index).map(([boot]) => boot);
      for (const boot of boots) {
        const place = next.get(boot)!;
        const isCovered = place >= life.accepted.length || ended.has(boot);
        const isLast = index === newestLife;
        assert.ok(isCovered || isLast, `life ${index}: its tail was not said to be unknown`);
      }
      if (index === this.lives.length - 1 && boots.length) {
        assert.is(next.get(boots[0]!), life.accepted.length, 'the last life is whole');
      }
    });
    if (!isRoomy) this.missing = { missing, dropped };
  }

  missing = { missing: 0, dropped: 0 };

  #startProxy(): Sessions {
    return new Sessions({
      clock: this.#clock,
      journal: this.journal,
      acknowledged: byJournal(this.journal),
      books: createBooks(),
      outcomes: createOutcomes(this.#clock, () => {}),
      keys: noKeys,
      allow: null,
      limits: { ...siteLimits, helloTimeoutMs: 10_000, windowEvents: 64, windowBytes: 4_096 },
    });
  }
}
