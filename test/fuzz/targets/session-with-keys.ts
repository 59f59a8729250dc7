import fc from 'fast-check';
import { crc32 } from '../../../proxy/crc32.js';
import { closed, encodeFrame } from '../../../proxy/frame.js';
import { TestKeys } from '../../proxy/auth/keyed-peer.js';
import { block, dataBody, helloBody, items, motesBytes, motesId, site } from '../../proxy/talk.js';
import { Random } from '../../random.js';
import * as arbitraries from '../arbitraries.js';
import { join } from '../cbor-writer.js';
import { KeyedOwner } from '../keyed-owner.js';
import { Draws, decodeScript, encodeScript, type Step } from '../script.js';
import { check, drawnSeeds, type Target } from '../target.js';

// A listener that asks for keys, a device that has one, and somebody who reaches the same channels and has none: says anything, says again what
// the device ever said, on any channel, and takes frames away.

const operations = [
  ...[
    'greet',
    'greet',
    'prove',
    'prove',
    'table',
    'data',
    'data',
    'keep',
    'sync',
    'channel',
    'time',
  ],
  ...['bytes', 'body', 'again', 'again', 'bend', 'stranger', 'fail', 'rekey', 'revoke', 'down'],
] as const;
type Operation = (typeof operations)[number];
const operationOf = (name: Operation): number => operations.indexOf(name);
const stepsMax = 100;

const device = 'mote-1';
const boot = 77;
const key = 'q7RkzV0mJx2Yb9LwTfEo4SgHn6UdC1Ap';
const anothers = 'another-key-of-thirty-two-bytes!';
const kinds = ['connection', 'line', 'datagrams'] as const;
const table = Uint8Array.from([...items(3, 0, 0), ...motesBytes]);

class Run {
  readonly #keys = new TestKeys();
  readonly site = site({}, undefined, undefined, this.#keys);
  readonly #said: Uint8Array[] = [];
  readonly #owners: KeyedOwner[] = [];
  /** By first seq, the blocks that the device made. */
  readonly #made = new Map<number, string>();
  #owner: KeyedOwner;
  #nonce = 1;
  #checked = 0;

  constructor() {
    const random = new Random(5);
    Object.assign(this.site.clock, { random: (count: number) => random.bytes(count) });
    this.#keys.set(device, key);
    this.#owner = this.#open('connection');
  }

  #open(kind: (typeof kinds)[number]): KeyedOwner {
    if (this.#owners.length > 8) this.#owners.shift()?.close();
    const owner = new KeyedOwner(this.site.sessions, key, kind, this.#said);
    this.#owners.push(owner);
    return owner;
  }

  step({ operation, bytes }: Step): void {
    const draws = new Draws(bytes);
    const owner = this.#owner;
    const any = () => draws.pick(this.#owners);
    switch (operations[operation]!) {
      case 'greet':
        owner.greet(this.#hello(draws.below(4) === 0 ? 8 : 0));
        break;
      case 'prove':
        owner.prove();
        break;
      case 'table':
        owner.sealed(table, false);
        break;
      case 'data':
      case 'keep':
        owner.sealed(this.#data(draws), operations[operation] === 'keep');
        break;
      case 'sync':
        this.site.journal.sync();
        break;
      case 'fail':
        this.site.journal.fail();
        break;
      case 'channel':
        this.#owner = draws.byte() < 100 ? any() : this.#open(draws.pick(kinds));
        break;
      case 'time':
        this.site.clock.advance((1 + draws.byte()) ** 2);
        break;
      case 'down':
        owner.close();
        break;
      case 'bytes':
        any().raw(draws.rest());
        break;
      case 'body':
        any().raw(encodeFrame(draws.rest()));
        break;
      case 'again':
        if (this.#said.length > 0) any().raw(closed(draws.pick(this.#said)));
        break;
      case 'bend': {
        if (this.#said.length === 0) break;
        const bent = Uint8Array.from(draws.pick(this.#said));
        const at = draws.byte() % bent.length;
        bent[at] = (bent[at] ?? 0) ^ (1 + draws.below(255));
        any().raw(closed(bent));
        break;
      }
      case 'stranger': {
        const stranger = new KeyedOwner(this.site.sessions, anothers, 'connection', []);
        stranger.greet(this.#hello(0));
        stranger.prove();
        stranger.sealed(dataBody(boot, 0, block(9_999)), false);
        check(!stranger.isLive, 'a stranger is welcomed');
        stranger.close();
        break;
      }
      case 'rekey':
        this.#keys.set(device, anothers.toUpperCase(), key);
        break;
      case 'revoke':
        this.#keys.set(device);
        this.#keys.set(device, key);
        break;
    }
  }

  #hello(flags: number): Uint8Array {
    const next = this.#made.size;
    // [W-4] From when its block with seq 0 was made.
    const fingerprint = next === 0 ? null : crc32(block(2_000));
    const boots = [{ boot, lowest: 0, next, fingerprint }];
    return helloBody(boots, { device, flags, nonce: this.#nonce++, uptime: 1_000 + this.#nonce });
  }

  /** The next block, or one of before. */
  #data(draws: Draws): Uint8Array {
    const owner = this.#owner;
    const seq = draws.below(4) === 0 ? owner.next : this.#made.size;
    const bytes = block(2_000 + seq);
    this.#made.set(seq, Buffer.from(bytes).toString('hex'));
    return dataBody(boot, seq, bytes);
  }

  /** What was journaled is what the device made, and nobody else. */
  checkRecords(): void {
    const { records } = this.site.journal;
    this.#checked = Math.min(this.#checked, records.length);
    for (const record of records.slice(this.#checked)) {
      check(record.device === device, 'a device without a key wrote');
      if (record.kind === 'table') {
        check(record.id === motesId, 'a table that the device did not say');
        continue;
      }
      check(record.kind === 'block', `a loss that the device did not say: ${record.kind}`);
      const made = this.#made.get(record.first);
      check(
        made === Buffer.from(record.bytes).toString('hex'),
        'a block that the device did not make',
      );
    }
    this.#checked = records.length;
  }

  /** Whoever has the key comes through, whatever was said before. */
  finish(): string {
    for (const owner of this.#owners) owner.close();
    this.site.clock.advance(120_000);
    this.#owner = this.#open('connection');
    this.#owner.greet(this.#hello(0));
    this.#owner.prove();
    check(this.#owner.isLive, 'the device with its key is not welcomed any more');
    this.#owner.sealed(table, false);
    this.site.journal.sync();
    const { next } = this.#owner;
    for (let seq = next; seq < Math.min(this.#made.size + 1, next + 8); seq++) {
      const bytes = block(2_000 + seq);
      this.#made.set(seq, Buffer.from(bytes).toString('hex'));
      this.#owner.sealed(dataBody(boot, seq, bytes), false);
    }
    this.site.journal.sync();
    this.checkRecords();
    check(this.#owner.next > next, 'its events are not taken any more');
    const outcomes = [...this.site.outcomes.counts().keys()].sort();
    return outcomes.slice(0, 4).join(' ');
  }
}

function run(input: Uint8Array): string {
  const trial = new Run();
  for (const step of decodeScript(input, operations.length, stepsMax)) {
    trial.step(step);
    trial.checkRecords();
  }
  return trial.finish();
}

const drawn = (name: Operation, most: number) =>
  arbitraries.bytesOf(most).map((bytes): Step[] => [{ operation: operationOf(name), bytes }]);
const said = (name: Operation, arbitrary: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(fc.nat(8), arbitrary)
    .map(([at, bytes]): Step[] => [
      { operation: operationOf(name), bytes: join(Uint8Array.of(at), bytes) },
    ]);
const empty = new Uint8Array();
const opening = (['greet', 'prove', 'table', 'sync', 'data', 'sync'] as const).map(
  (name): Step => ({ operation: operationOf(name), bytes: Uint8Array.of(1) }),
);

const steps = fc.oneof(
  { weight: 3, arbitrary: fc.constant(opening) },
  ...(['greet', 'prove', 'data', 'data', 'keep', 'sync', 'channel', 'time'] as const).map(
    (name) => ({
      weight: 2,
      arbitrary: drawn(name, 3),
    }),
  ),
  { weight: 2, arbitrary: said('bytes', arbitraries.stream) },
  { weight: 2, arbitrary: said('body', arbitraries.body) },
  { weight: 6, arbitrary: drawn('again', 2) },
  { weight: 4, arbitrary: drawn('bend', 4) },
  ...(['stranger', 'fail', 'rekey', 'revoke', 'down'] as const).map((name) => ({
    weight: 1,
    arbitrary: fc.constant<Step[]>([{ operation: operationOf(name), bytes: empty }]),
  })),
);
const script = fc.array(steps, { maxLength: 24 }).map((all) => encodeScript(all.flat()));

export const sessionWithKeysTarget: Target = {
  name: 'session-with-keys',
  checks:
    'nothing is journaled but what the device with the key made, in its order; a stranger is not welcomed; and the device comes through in the end',
  arbitrary: script,
  seeds: () => drawnSeeds(script, 8),
  fresh: () => ({ run }),
};
