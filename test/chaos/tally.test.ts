import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventOf, type Ledger, openLedger, streamOf } from './ledger.js';
import { type Counted, createTally, isClean, sentence, type Verdict } from './tally.js';

// The counter is the judge of every chaotic run: each thing that it stands against is shown to it once.

const boot = 7;
const device = 'mote-1';
const prefix = 'hall.';

function event(seq: number, more: Partial<Counted> = {}): Counted {
  return {
    topic: prefix + streamOf(seq),
    key: device,
    headers: { 'hw-id': `${boot}/${seq}` },
    value: JSON.stringify(eventOf(seq)),
    ...more,
  };
}

function loss(from: number, to: number | null): Counted {
  const value = JSON.stringify({ boot, from, to, reason: 'overflow' });
  return { topic: `${prefix}headwater.loss`, key: device, headers: {}, value };
}

/** `taken`: what send() said to each seq. */
async function judged(taken: readonly boolean[], found: readonly Counted[]): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-tally-'));
  const ledger: Ledger = openLedger(join(folder, 'sent.log'));
  for (const [seq, isTaken] of taken.entries()) ledger.sent(device, seq, isTaken);
  const tally = createTally(prefix);
  for (const record of found) tally.take(record);
  const verdict = tally.judge(ledger, new Map([[device, boot]]));
  assert.is(isClean(verdict), tally.remarks.length === 0, tally.remarks.join('\n'));
  await ledger.close();
  await rm(folder, { recursive: true });
  return verdict;
}

/** What is not 0 though a sound run has it so. */
function amiss(verdict: Verdict): Partial<Verdict> {
  const { accepted, refused, inKafka, reportedLost, ...rest } = verdict;
  return Object.fromEntries(Object.entries(rest).filter(([, count]) => count !== 0));
}

const taken = (count: number) => Array<boolean>(count).fill(true);
const events = (count: number) => Array.from({ length: count }, (_, seq) => event(seq));

test('all of them once and in order is sound', async () => {
  const verdict = await judged(taken(20), events(20));
  assert.ok(isClean(verdict));
  assert.equal(amiss(verdict), {});
  assert.is(
    sentence(verdict),
    'accepted=20 in-kafka=20 reported-lost=0 lost=0 twice=0 out-of-order=0 invented=0',
  );
});

test('what was given up and reported is sound, taken before or not', async () => {
  const found = [...events(3), loss(3, 6), ...events(10).slice(6)];
  const verdict = await judged([...taken(4), false, false, ...taken(4)], found);
  assert.ok(isClean(verdict));
  assert.equal([verdict.accepted, verdict.refused, verdict.reportedLost], [8, 2, 1]);
});

test('each topic has an order of its own', async () => {
  const [alarms, others] = [6, 13].map((seq) => event(seq));
  const climate = events(14).filter((_, seq) => streamOf(seq) === 'climate');
  assert.ok(isClean(await judged(taken(14), [alarms!, others!, ...climate])));
});

test('nothing at all is no success', async () => {
  assert.not(isClean(createTally(prefix).judge({ pages: new Map() }, new Map())));
});

for (const [what, given, found, expected] of [
  ['an event that is missing is lost', taken(3), [event(0), event(2)], { lost: 1 }],
  ['the last one too', taken(3), events(2), { lost: 1 }],
  [
    'one that came again is twice, and behind',
    taken(3),
    [...events(3), event(1)],
    { twice: 1, outOfOrder: 1 },
  ],
  ['also where it follows itself', taken(2), [event(0), event(0), event(1)], { twice: 1 }],
  [
    'two that changed places are out of order',
    taken(3),
    [event(0), event(2), event(1)],
    { outOfOrder: 1 },
  ],
  ['a loss that is reported again is twice', taken(1), [loss(0, 1), loss(0, 1)], { twice: 1 }],
  [
    'an event in Kafka that is reported lost is contradicted',
    taken(2),
    [...events(2), loss(1, 2)],
    { contradicted: 1 },
  ],
  ['one that send() refused, and nobody reported', [true, false], events(1), { unreported: 1 }],
  ['one that send() refused, and is there', [true, false], events(2), { invented: 1 }],
  ['a seq that was never given out', taken(2), events(3), { invented: 1 }],
  ['a loss of what was never given out', taken(2), [...events(2), loss(2, 4)], { invented: 2 }],
  ['another value', taken(1), [event(0, { value: '{"n":0,"t":1}' })], { invented: 1 }],
  ['another topic', taken(1), [event(0, { topic: `${prefix}alarm` })], { invented: 1 }],
  [
    'a record without an identity',
    taken(1),
    [...events(1), event(0, { headers: {} })],
    { invented: 1 },
  ],
  ['a loss without an end', taken(1), [...events(1), loss(1, null)], { invented: 1 }],
  [
    'a boot that nobody had',
    taken(1),
    [...events(1), event(0, { headers: { 'hw-id': '8/0' } })],
    { invented: 1 },
  ],
  [
    'a device that nobody has',
    taken(1),
    [...events(1), event(0, { key: 'mote-2' })],
    { invented: 1 },
  ],
] as [string, boolean[], Counted[], Partial<Verdict>][]) {
  test(`seen: ${what}`, async () => {
    const verdict = await judged(given, found);
    assert.equal(amiss(verdict), expected);
    assert.not(isClean(verdict));
  });
}

test.run();
