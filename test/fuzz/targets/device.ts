import fc from 'fast-check';
import { closed, encodeFrame } from '../../../proxy/frame.js';
import { sdkFactory } from '../../../targets/instance.js';
import * as arbitraries from '../arbitraries.js';
import { head, join, uint } from '../cbor-writer.js';
import { DeviceTrial, type Sdks } from '../device-trial.js';
import { Draws, decodeScript, encodeScript, type Step } from '../script.js';
import { drawnSeeds, type Target } from '../target.js';

// The SDK as it ships, and a proxy that says anything: bytes, frames, and messages of the right form with numbers that nobody honest says. The
// script's first byte says what kind of device it is.

const operations = [
  ...['send', 'send', 'time', 'up', 'up', 'down', 'bytes', 'body', 'welcome', 'welcome', 'welcome'],
  ...['ack', 'ack', 'reset', 'room', 'ready', 'power', 'honest', 'seal'],
] as const;
type Operation = (typeof operations)[number];
const operationOf = (name: Operation): number => operations.indexOf(name);
const stepsMax = 80;

const wide = (size: number) => new Uint8Array(1 + 2 ** (size - 24)).fill(0xff).fill(size, 0, 1);
const strange: readonly Uint8Array[] = [
  ...[2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 3_600_000, 3_600_001, 4e9].map(uint),
  ...[2n ** 53n + 2n, 2n ** 64n - 1n].map(uint),
  ...[28, 29, 30].map(wide),
  ...[
    Uint8Array.of(0xf6),
    Uint8Array.of(0x20),
    Uint8Array.of(0xfb),
    head(0, 5, 8),
    Uint8Array.of(0x1f),
  ],
];

/** A number that the device knows, one beside it, a small one, or a strange one. */
function numberOf(draws: Draws, known: readonly number[]): Uint8Array {
  const how = draws.byte();
  if (how < 160) return uint(known[draws.below(known.length)] ?? 0);
  if (how < 190) return uint(Math.max(0, draws.pick(known) + (how % 2 === 0 ? 1 : -1)));
  return how < 210 ? uint(draws.byte()) : draws.pick(strange);
}

function welcome({ bystander }: DeviceTrial, draws: Draws): Uint8Array {
  const { hello } = bystander;
  const boots = hello?.boots ?? [];
  const [first] = boots;
  const nonce = draws.byte() < 230 ? uint(hello?.nonce ?? 0) : numberOf(draws, [hello?.nonce ?? 0]);
  const next = numberOf(draws, [first?.lowest ?? 0, first?.lowest ?? 0, first?.next ?? 0, 0]);
  const limit = numberOf(draws, [0, 256, (first?.next ?? 0) + 256]);
  const lacking = numberOf(draws, [0, 1, 1]);
  const numbers = boots.map(({ boot }) => boot ?? 0);
  const boot = numberOf(draws, [first?.boot || 77, ...numbers, 77, 78, (numbers.at(-1) ?? 0) + 1]);
  const rest = [
    uint(1),
    uint(1_763_956_800_123),
    uint(2_304),
    Uint8Array.of(0xf6),
    Uint8Array.of(0x80),
  ];
  return join(uint(2), nonce, next, limit, lacking, boot, ...rest.slice(0, 5 - draws.below(6)));
}

const challenge = (byte: number) => join(Uint8Array.of(7, 0x50), new Uint8Array(16).fill(byte));

function ack({ bystander }: DeviceTrial, draws: Draws): Uint8Array {
  const boots = bystander.hello?.boots ?? [];
  const numbers = boots.map(({ boot }) => boot ?? 77);
  const boot = numberOf(draws, [...numbers, 77]);
  const places = boots.flatMap(({ lowest, next }) => [lowest, next]);
  return join(
    uint(5),
    boot,
    numberOf(draws, [...places, 1]),
    numberOf(draws, [0, 256]),
    numberOf(draws, [0, 1]),
  );
}

function step(trial: DeviceTrial, { operation, bytes }: Step): void {
  const draws = new Draws(bytes);
  const { air } = trial;
  const say = (body: Uint8Array) => air.say(encodeFrame(body));
  /** Where it needs a MAC, with one that is made up. */
  const sayAsSealed = (body: Uint8Array) => {
    const mac = join(Uint8Array.of(0, 0, 1, draws.byte()), new Uint8Array(8).fill(draws.byte()));
    if (trial.bystander.hasKey) air.say(closed(join(body, mac)));
    else say(body);
  };
  switch (operations[operation]!) {
    case 'send':
      for (let left = 1 + draws.below(3); left > 0; left--) trial.send();
      break;
    case 'seal':
      trial.advance(100);
      break;
    case 'time':
      trial.advance(draws.byte() ** 2);
      break;
    case 'up':
      // Below ackTimeoutMs, behind which it is closed again.
      for (let left = 60; left > 0 && !air.isOpen; left--) trial.advance(500);
      air.up();
      break;
    case 'down':
      air.down();
      break;
    case 'bytes':
      air.say(bytes);
      break;
    case 'body':
      say(bytes);
      break;
    case 'welcome':
      sayAsSealed(welcome(trial, draws));
      break;
    case 'ack':
      sayAsSealed(ack(trial, draws));
      break;
    case 'reset': {
      const reason = draws.below(8);
      if (trial.bystander.hasKey && reason > 3) say(challenge(draws.byte()));
      else say(join(uint(6), uint(reason), numberOf(draws, [0, 60_000, 3_600_000])));
      break;
    }
    case 'room':
      air.room = draws.byte();
      break;
    case 'ready':
      air.ready();
      break;
    case 'power':
      trial.power();
      break;
    case 'honest':
      trial.honest(true);
      for (let left = draws.below(16); left > 0; left--) trial.exchange(1_000);
      trial.honest(false);
      break;
  }
}

function runWith(sdks: Sdks, input: Uint8Array): string {
  const kind = input[0] ?? 0;
  const trial = new DeviceTrial(sdks, {
    isFlash: kind % 2 === 1,
    hasAnchors: kind % 4 > 1,
    hasKey: kind % 8 > 3,
  });
  const seen = new Set<string>();
  for (const one of decodeScript(input.subarray(1), operations.length, stepsMax)) {
    const { ready, acknowledged, boot } = trial.sdk.stats();
    step(trial, one);
    const now = trial.sdk.stats();
    const changes = [
      now.ready === ready ? '' : now.ready ? '+' : '-',
      now.acknowledged > acknowledged ? 'a' : '',
      now.boot === boot ? '' : 'b',
    ];
    if (changes.join('') !== '') seen.add(`${operations[one.operation]}${changes.join('')}`);
  }
  trial.finish();
  return `${kind % 8} ${[...seen].sort().slice(0, 5).join(' ')}`;
}

const drawn = (name: Operation, most: number) =>
  arbitraries.bytesOf(most).map((bytes): Step[] => [{ operation: operationOf(name), bytes }]);
const said = (name: Operation, arbitrary: fc.Arbitrary<Uint8Array>) =>
  arbitrary.map((bytes): Step[] => [{ operation: operationOf(name), bytes }]);
const empty = new Uint8Array();
/** Up, and welcomed with what an honest proxy would say. A device with a key is challenged before; what it is told then is drawn. */
const greeted: Step[] = [
  { operation: operationOf('up'), bytes: empty },
  { operation: operationOf('welcome'), bytes: empty },
];
const challenged: Step[] = [
  { operation: operationOf('send'), bytes: empty },
  { operation: operationOf('seal'), bytes: empty },
  { operation: operationOf('up'), bytes: empty },
  { operation: operationOf('reset'), bytes: Uint8Array.of(5) },
];

const steps = fc.oneof(
  { weight: 4, arbitrary: drawn('send', 1) },
  { weight: 3, arbitrary: fc.constant(greeted) },
  {
    weight: 3,
    arbitrary: drawn('welcome', 14).map((welcomed) => [...challenged, ...welcomed]),
  },
  { weight: 2, arbitrary: drawn('seal', 0) },
  { weight: 1, arbitrary: drawn('time', 1) },
  { weight: 2, arbitrary: drawn('up', 0) },
  { weight: 1, arbitrary: drawn('down', 0) },
  { weight: 1, arbitrary: said('bytes', arbitraries.stream) },
  { weight: 1, arbitrary: said('body', arbitraries.otherBody) },
  { weight: 6, arbitrary: drawn('welcome', 14) },
  { weight: 4, arbitrary: drawn('ack', 10) },
  { weight: 2, arbitrary: drawn('reset', 4) },
  { weight: 1, arbitrary: drawn('room', 1) },
  { weight: 1, arbitrary: drawn('ready', 0) },
  { weight: 1, arbitrary: drawn('power', 0) },
  { weight: 1, arbitrary: drawn('honest', 1) },
);

const script = fc
  .tuple(fc.nat(7), fc.array(steps, { maxLength: 24 }))
  .map(([kind, all]) => join(Uint8Array.of(kind), encodeScript(all.flat())));

export const deviceTarget: Target = {
  name: 'device',
  checks:
    'nothing is thrown; what the device says can be read; it greets an honest proxy within the time that RESET may ask for, and brings, once, every event that no WELCOME or ACK within the rules let it forget; no more timers than it began with',
  arbitrary: script,
  seeds: () => drawnSeeds(script, 4),
  fresh: async () => {
    const sdks = await sdkFactory();
    return { run: (input) => runWith(sdks, input) };
  },
};
