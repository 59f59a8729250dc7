import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { byJournal } from '../../proxy/acknowledged.js';
import { decodeBlock } from '../../proxy/block.js';
import { createBooks } from '../../proxy/books.js';
import type { Accept, Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import { createOutcomes } from '../../proxy/outcomes.js';
import { Sessions } from '../../proxy/sessions.js';
import { decodeTable } from '../../proxy/table.js';
import { datagrams } from '../../sdk/links/datagrams.js';
import type { Link } from '../../sdk/links/link.js';
import { type Sdk, sdkFactory } from '../../targets/instance.js';
import { MemoryJournal } from '../proxy/memory-journal.js';
import { siteLimits, TestClock } from '../proxy/talk.js';
import { Random } from '../random.js';
import { type VirtualEngine, virtualEngine } from '../sdk/virtual-engine.js';
import { FaultyDatagrams } from './faulty-datagrams.js';
import { FaultyLink } from './faulty-link.js';

// A device that ships and the proxy's own sessions, over a link on which everything goes wrong, with the proxy killed and the
// device's power cut on the way. Each event says which life it is of and which seq it must have, so that the journal alone shows
// whether one was lost, doubled, moved or invented. The journal is the one in memory: its own campaign is elsewhere.

const instantiate = await sdkFactory();

/** A device between two power cuts. */
interface Life {
  number: number;
  sdk: Sdk;
  engine: VirtualEngine;
  send(): void;
  /** seq → whether send() took it. */
  taken: boolean[];
  dropped: number;
}

const options = { bufferBytes: 512, lingerMs: 300, ackTimeoutMs: 1_000, retryBackoffMs: 50 };

const key = 'a-key-of-32-characters-as-if-drawn';

class Simulation {
  /** Events in the journal at the end. */
  arrived = 0;
  readonly #random: Random;
  /** Every third site asks its devices for keys. */
  readonly #isKeyed: boolean;
  readonly #clock = new TestClock();
  #journal = new MemoryJournal();
  #sessions: Sessions;
  readonly #link: FaultyLink | FaultyDatagrams;
  /** What the device is given. */
  readonly #deviceLink: Link;
  readonly #lives: Life[] = [];
  /** life → the numbers that it had. */
  readonly #boots = new Map<number, number>();

  constructor(seed: number, wire: 'stream' | 'datagrams') {
    this.#random = new Random(seed);
    this.#isKeyed = seed % 3 === 0;
    if (this.#isKeyed) this.#clock.random = (bytes) => this.#random.bytes(bytes);
    this.#sessions = this.#startProxy();
    const kind = seed % 2 === 0 ? 'connection' : 'line';
    const accept: Accept = (channel) => this.#accept(channel);
    if (wire === 'stream') {
      this.#link = new FaultyLink(this.#random, kind, accept);
      this.#deviceLink = this.#link;
    } else {
      this.#link = new FaultyDatagrams(this.#random, accept);
      // Half of them over a way on which nothing but an answer fits into one.
      this.#deviceLink = datagrams(this.#link, seed % 2 === 0 ? 72 : 0);
    }
    this.#boot();
  }

  run(steps: number): void {
    const random = this.#random;
    for (let step = 0; step < steps; step++) {
      this.#advance(1 + random.below(200));
      if (random.chance(1 / 2)) this.#life.send();
      if (random.chance(1 / 3)) this.#journal.sync();
      if (random.chance(1 / 60)) this.#link.cut();
      if (random.chance(1 / 80)) this.#link.swallow(random.below(20_000));
      if (random.chance(1 / 150)) this.#journal.fail();
      if (random.chance(1 / 200)) this.#crashProxy();
      if (random.chance(1 / 400)) this.#boot();
      this.#check();
    }
    this.#link.healed = true;
    let isFlushed = false;
    this.#life.sdk.flush((all) => {
      isFlushed ||= all;
    }, 2 ** 30);
    for (let wait = 0; !isFlushed && wait < 20_000; wait++) {
      this.#advance(50);
      this.#journal.sync();
      this.#check();
    }
    assert.ok(isFlushed, 'the device never got rid of its events');
    this.#count();
  }

  get #life(): Life {
    return this.#lives.at(-1)!;
  }

  #accept(channel: Channel): ChannelHandler {
    return this.#sessions.accept(this.#isKeyed ? { ...channel, auth: 'keys' } : channel);
  }

  #startProxy(): Sessions {
    return new Sessions({
      clock: this.#clock,
      journal: this.#journal,
      acknowledged: byJournal(this.#journal),
      books: createBooks(),
      outcomes: createOutcomes(this.#clock, () => {}),
      keys: { of: () => [Buffer.from(key)], onRevoked() {}, trouble: () => null },
      allow: null,
      limits: { ...siteLimits, helloTimeoutMs: 10_000, windowEvents: 64, windowBytes: 4_096 },
    });
  }

  /** Power off and on: what was in RAM is gone. */
  #boot(): void {
    this.#link.forgetDevice();
    const engine = virtualEngine(this.#random.below(3) * 2 ** 31);
    engine.random = () => this.#random.next();
    const sdk = instantiate(engine);
    if (this.#isKeyed) sdk.auth(key);
    const origin = sdk.stream('origin', { life: sdk.uint, seq: sdk.uint });
    const other = sdk.stream('other', { seq: sdk.uint, life: sdk.uint });
    const hw = sdk.producer({ device: 'press-07', link: this.#deviceLink, ...options });
    const number = this.#lives.length;
    const taken: boolean[] = [];
    this.#lives.push({
      ...{ number, sdk, engine, taken, dropped: 0 },
      send: () => {
        const seq = taken.length;
        const isRefused = this.#random.chance(1 / 40);
        const accepted = isRefused
          ? sdk.sendUndeclared('note', 'x'.repeat(500))
          : hw.send(this.#random.chance(1 / 3) ? other : origin, { life: number, seq });
        assert.is(accepted !== false, !isRefused);
        taken.push(!isRefused);
      },
    });
  }

  #crashProxy(): void {
    this.#journal = this.#journal.afterCrash();
    this.#sessions = this.#startProxy();
    this.#link.restartProxy((channel) => this.#accept(channel));
  }

  #advance(ms: number): void {
    this.#clock.advance(ms);
    this.#life.engine.advance(ms);
    this.#link.advance(this.#clock.monoMs);
  }

  /** What the device may forget is durable. */
  #check(): void {
    const { boot, acknowledged } = this.#life.sdk.stats();
    if (boot === null) return;
    const place = this.#journal.places('press-07')?.get(boot);
    assert.ok((place?.durable ?? 0) >= acknowledged, `${acknowledged} of boot ${boot}`);
  }

  #count(): void {
    const next = new Map<number, number>();
    const lost = new Map<number, number>();
    for (const record of this.#journal.records) {
      if (record.kind === 'table' || (record.kind === 'loss' && record.to === null)) continue;
      const { boot, from } = record;
      assert.is(from, next.get(boot) ?? 0, `boot ${boot} goes on where it was`);
      next.set(boot, record.kind === 'loss' ? record.to! : record.first + record.count);
      if (record.kind === 'loss') {
        assert.not(record.reason === 'undecodable', 'no block of ours is undecodable');
        lost.set(boot, (lost.get(boot) ?? 0) + (record.to! - from));
        continue;
      }
      const table = decodeTable(this.#journal.table(record.device, record.table)!.bytes);
      assert.not.type(table, 'string');
      if (typeof table === 'string') continue;
      const block = decodeBlock(record.bytes, table, record.count);
      assert.is(block.kind, 'events');
      if (block.kind !== 'events') continue;
      this.arrived += block.events.length - (from - record.first);
      block.events.slice(from - record.first).forEach((event, index) => {
        const names = event.fields!.map(({ name }) => name);
        const life = Number(event.values[names.indexOf('life')]);
        assert.is(event.values[names.indexOf('seq')], from + index, 'each event under its own seq');
        assert.ok(this.#lives[life]!.taken[from + index], 'only what send() took');
        assert.is(this.#boots.get(boot) ?? life, life, 'two lives under one number');
        this.#boots.set(boot, life);
      });
    }
    const { boot, dropped, refused } = this.#life.sdk.stats();
    const seqs = boot === null ? 0 : (next.get(boot) ?? 0);
    assert.is(seqs, this.#life.taken.length, 'every seq is there or said to be lost');
    const missing = boot === null ? 0 : (lost.get(boot) ?? 0);
    assert.ok(
      missing <= dropped + refused,
      `${missing} are lost, the device says ${dropped} + ${refused}`,
    );
  }
}

for (const [wire, seeds] of [
  ['stream', 200],
  ['datagrams', 100],
] as const) {
  test(`${seeds} seeds of a device and the proxy's sessions over ${wire}, 1,500 steps each`, () => {
    let arrived = 0;
    const [only] = process.env.SEED ? [Number(process.env.SEED)] : [];
    for (let seed = only ?? 1; seed <= (only ?? seeds); seed++) {
      try {
        const simulation = new Simulation(seed, wire);
        simulation.run(1_500);
        arrived += simulation.arrived;
      } catch (error) {
        throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    console.log(`${arrived} events arrived over ${wire}`);
  });
}

test.run();
