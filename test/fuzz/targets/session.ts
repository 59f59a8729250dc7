import fc from 'fast-check';
import { encodeEnvelope } from '../../../proxy/envelope.js';
import { encodeFrame, toStream } from '../../../proxy/frame.js';
import { block, dataBody, helloBody, items, motesBytes, motesId } from '../../proxy/talk.js';
import * as arbitraries from '../arbitraries.js';
import { join, uint } from '../cbor-writer.js';
import { Draws, decodeScript, encodeScript, type Step } from '../script.js';
import { SessionChannel } from '../session-channel.js';
import { SessionSite } from '../session-site.js';
import { check, drawnSeeds, type Target } from '../target.js';

// Sessions in every state: several channels, some of them of one device, what is said on them, and what the disk and the clock do meanwhile.
// The script's first byte says what an ACK waits for.

const operations = [
  ...['bytes', 'body', 'body', 'envelope', 'fragments', 'hello', 'data', 'data', 'table'],
  ...['channel', 'sync', 'sync', 'commit', 'fail', 'writable', 'refusing', 'time', 'down', 'burst'],
] as const;
type Operation = (typeof operations)[number];
export const operationOf = (name: Operation): number => operations.indexOf(name);

const stepsMax = 120;
const kinds = ['connection', 'line', 'datagrams'] as const;
const devices = ['mote-1', 'mote-1', 'mote-2', '__proto__'];
const bootNumbers = [0, 77, 78, 76, 1_763_956_800, 0xffffffff];

class Run {
  readonly site: SessionSite;
  readonly #channels: SessionChannel[] = [];
  #channel: SessionChannel;
  #number = 0;

  constructor(mode: number) {
    this.site = new SessionSite(mode % 2 === 0 ? 'journal' : 'kafka');
    this.#channel = this.#open('connection');
  }

  step({ operation, bytes }: Step): void {
    const { journal, clock } = this.site.site;
    const draws = new Draws(bytes);
    switch (operations[operation]!) {
      case 'bytes':
        this.#say(bytes);
        break;
      case 'body':
        this.#say(encodeFrame(bytes));
        break;
      case 'burst':
        this.#say(join(...[0, 0, 0].map(() => encodeFrame(this.#data(draws)))));
        break;
      case 'envelope': {
        const channel = draws.byte() * 2;
        const frame = bytes.length < 2 ? new Uint8Array() : arbitraries.checked(draws.rest());
        this.#say(toStream([encodeEnvelope({ channel, frame })]));
        break;
      }
      case 'fragments':
        this.#fragments(draws);
        break;
      case 'hello':
        this.#say(encodeFrame(this.#hello(draws)));
        break;
      case 'data':
        this.#say(encodeFrame(this.#data(draws)));
        break;
      case 'table':
        this.#say(
          encodeFrame(join(Uint8Array.from(items(3, draws.below(3), draws.below(2))), motesBytes)),
        );
        break;
      case 'channel':
        this.#channel = draws.byte() > 200 ? this.#open(draws.pick(kinds)) : this.#other(draws);
        break;
      case 'sync':
        this.site.sync();
        break;
      case 'commit':
        this.site.commit();
        break;
      case 'fail':
        this.site.fail();
        break;
      case 'writable':
        journal.setWritable(!journal.writable);
        break;
      case 'refusing':
        journal.refusing = !journal.refusing;
        break;
      case 'time':
        clock.advance((1 + draws.byte()) ** 2);
        break;
      case 'down':
        this.#channel.close();
        break;
    }
  }

  #open(kind: (typeof kinds)[number]): SessionChannel {
    if (this.#channels.length >= 12) return this.#channels[this.#number++ % 12]!;
    const channel = new SessionChannel(this.site, kind, `channel ${this.#channels.length}`);
    this.#channels.push(channel);
    return channel;
  }

  #other(draws: Draws): SessionChannel {
    return draws.pick(this.#channels);
  }

  /** What comes is answered, taken or counted: nothing is dropped without a word. */
  #say(bytes: Uint8Array): void {
    const channel = this.#channel;
    const { journal, outcomes } = this.site.site;
    const counts = () => [...outcomes.counts().values()].reduce((sum, one) => sum + one, 0);
    const before = counts() + channel.answered + journal.records.length;
    const heard = channel.heard;
    const isQuiet = bytes.includes(13) || bytes.includes(14) || bytes.includes(3);
    channel.received(bytes);
    if (channel.isClosed || channel.heard === heard || isQuiet) return;
    const after = counts() + channel.answered + journal.records.length;
    check(after > before, 'a frame came to nothing, and nothing counted it');
  }

  #fragments(draws: Draws): void {
    const number = draws.below(4);
    const size = 1 + draws.byte();
    const kind = draws.below(3);
    const body = kind === 0 ? this.#hello(draws) : kind === 1 ? this.#data(draws) : draws.rest();
    const whole = arbitraries.checked(body);
    const count = Math.ceil(whole.length / size);
    for (let index = 0; index < count; index++) {
      const part = whole.subarray(index * size, (index + 1) * size);
      const head = [13, number, index, index + 1 === count ? 1 : 0].map(uint);
      this.#say(encodeFrame(join(...head, part)));
    }
  }

  #hello(draws: Draws): Uint8Array {
    const device = draws.pick(devices);
    const boots = Array.from({ length: 1 + draws.below(3) }, () => {
      const boot = draws.below(3) === 0 ? this.#channel.boots[draws.below(4)] : undefined;
      const lowest = draws.below(4) === 0 ? draws.byte() : 0;
      return {
        boot: (boot ?? draws.pick(bootNumbers)) || null,
        ...{ lowest, next: lowest + draws.byte() },
        fingerprint: draws.below(4) || null,
      };
    });
    const nonce = draws.byte() * 256 + this.#number++;
    const tables = draws.below(8) === 0 ? [] : [motesId];
    return helloBody(boots, { device, nonce, tables, flags: draws.below(4), uptime: draws.byte() });
  }

  #data(draws: Draws): Uint8Array {
    const { boots, next } = this.#channel;
    const boot = boots[draws.below(4)] ?? boots[0] ?? 77;
    const count = 1 + draws.below(4);
    const first = Math.max(0, next + draws.below(8) - 3);
    this.#channel.next = first + count;
    const bytes = draws.below(6) === 0 ? draws.rest() : block(1_000 + draws.byte() * 100, count);
    return dataBody(
      boot,
      first,
      bytes.length === 0 ? Uint8Array.of(0x81, 0) : bytes,
      count,
      60_000,
    );
  }
}

function run(input: Uint8Array): string {
  const trial = new Run(input[0] ?? 0);
  for (const step of decodeScript(input.subarray(1), operations.length, stepsMax)) {
    trial.step(step);
    trial.site.checkRecords();
  }
  trial.site.sync();
  trial.site.commit();
  trial.site.checkBooks();
  const { outcomes, journal } = trial.site.site;
  const kindsOf = new Set(
    journal.records.map((one) => (one.kind === 'loss' ? one.reason : one.kind)),
  );
  return [...[...outcomes.counts().keys()].sort().slice(0, 3), ...[...kindsOf].sort()].join(' ');
}

const drawn = (name: Operation, most: number) =>
  arbitraries.bytesOf(most).map((bytes): Step => ({ operation: operationOf(name), bytes }));
const said = (name: Operation, arbitrary: fc.Arbitrary<Uint8Array>) =>
  arbitrary.map((bytes): Step => ({ operation: operationOf(name), bytes }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: said('bytes', arbitraries.stream) },
  { weight: 3, arbitrary: said('body', arbitraries.body) },
  {
    weight: 1,
    arbitrary: said(
      'envelope',
      fc.tuple(fc.nat(3), arbitraries.body).map(([at, body]) => join(Uint8Array.of(at), body)),
    ),
  },
  { weight: 1, arbitrary: drawn('fragments', 30) },
  { weight: 4, arbitrary: drawn('hello', 16) },
  { weight: 8, arbitrary: drawn('data', 8) },
  { weight: 1, arbitrary: drawn('burst', 12) },
  { weight: 2, arbitrary: drawn('table', 2) },
  { weight: 1, arbitrary: drawn('channel', 2) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('sync', 'commit')
      .map(
        (name): Step => ({ operation: operationOf(name as Operation), bytes: new Uint8Array() }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('fail', 'writable', 'refusing', 'down')
      .map(
        (name): Step => ({ operation: operationOf(name as Operation), bytes: new Uint8Array() }),
      ),
  },
  { weight: 1, arbitrary: drawn('time', 1) },
);

/** A device that greets well, says its table, and waits for the disk. */
const opening: Step[] = [
  { operation: operationOf('body'), bytes: helloBody([{ boot: 77 }]) },
  { operation: operationOf('table'), bytes: new Uint8Array() },
  { operation: operationOf('sync'), bytes: new Uint8Array() },
];

const script = fc
  .tuple(fc.nat(1), fc.boolean(), fc.array(step, { maxLength: 30 }))
  .map(([mode, isOpened, steps]) =>
    join(Uint8Array.of(mode), encodeScript([...(isOpened ? opening : []), ...steps])),
  );

export const sessionTarget: Target = {
  name: 'session',
  checks:
    'nothing is acknowledged that is not durable, nor taken back; the limit never falls; each frame is answered, taken or counted; every block in the journal decodes; the books balance',
  arbitrary: script,
  seeds: () => drawnSeeds(script, 2),
  fresh: () => ({ run }),
};
