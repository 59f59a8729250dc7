// `headwater dlq` on Apache Kafka: what became dead letters is in its own topic once, in order, whoever was killed, suspended, cut off
// or doubled on the way; what can't be sent says why and stays.

import { join } from 'node:path';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeDisk } from '../../proxy/disk-node.js';
import { createLetterValues, letterFolderOf } from '../../proxy/kafka/letter-values.js';
import { sha256Of, toLetter } from '../../proxy/kafka/letters.js';
import { partitionOf } from '../../proxy/kafka/partition.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, withAdmin } from '../kafka/topics.js';
import { judge } from '../site/judge.js';
import {
  type Ended,
  type Running,
  runHeadwater,
  spawnHeadwater,
  startProxy,
} from '../site/proxy-process.js';
import { startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('dead letters, resent');
const boot = 7;
const layer = ['--import', new URL('../site/cut-at-request.js', import.meta.url).href];
let bootstrap = '';
let site: Site;

test.before.each(async () => {
  bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'resend' });
});

test.after.each(() => site.remove());

const topicOf = (name: string) => `${site.prefix}${name}`;
const dead = () => topicOf('headwater.dead');
const dlq = (verb: string, ...words: string[]): Promise<Ended> =>
  runHeadwater(['dlq', verb, '--config', site.config, ...words]);

interface Printed {
  code: number | null;
  resent: number;
  before: number;
  waits: number;
  stays: { topic: string; why: string; letters: number }[];
}

async function resend(...words: string[]): Promise<Printed> {
  const { code, output, complaint } = await dlq('resend', '--json', ...words);
  // On a slow machine it says how far it is.
  assert.match(complaint, /^(headwater: (\d+ of at most|waiting for) .*\n)*$/);
  return { ...(JSON.parse(output) as Printed), code };
}

async function list(...words: string[]) {
  const { code, output } = await dlq('list', '--json', ...words);
  assert.is(code, 0);
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { letters: lines.slice(0, -1), sum: lines.at(-1) ?? {} };
}

interface Made {
  topic: string;
  device: string;
  seq: number;
  value?: string;
  why?: string;
  isCut?: boolean;
}

/** Letters as a lane makes them, in a topic of that many partitions. */
async function makeLetters(letters: readonly Made[], partitions = 2): Promise<void> {
  await createTopics(bootstrap, [dead()], partitions);
  const messages = letters.map(({ topic, device, seq, isCut = false, ...one }) => {
    const key = Buffer.from(device);
    const letter = toLetter(
      {
        ...{ topic: topicOf(topic), key, value: Buffer.from(one.value ?? `{"n":${seq}}`) },
        ...{
          timestampMs: 1_000_000 + seq,
          headers: { 'hw-id': `${boot}/${seq}`, 'hw-time': 'synced' },
        },
      },
      { why: one.why ?? 'it was missing', isCut },
      dead(),
      2_000_000 + seq,
    );
    const { value, headers } = letter;
    const timestamp = String(letter.timestampMs);
    const partition = partitionOf(key, partitions);
    return { key, value: Buffer.from(value), headers, timestamp, partition };
  });
  for (const partition of new Set(messages.map((message) => message.partition))) {
    await sendTo(
      partition,
      messages.filter((message) => message.partition === partition),
    );
  }
}

/** kafkajs sends nothing, and says so by an empty answer alone, to a partition that its metadata do not have yet. */
async function sendTo(partition: number, messages: Message[]): Promise<void> {
  await until(async () => {
    const producer = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const answer = await producer.send({ topic: dead(), messages });
    await producer.disconnect();
    return answer.some((one) => one.partition === partition);
  });
}

const many = (topic: string, devices: string[], each: number): Made[] =>
  devices.flatMap((device) => Array.from({ length: each }, (_, seq) => ({ topic, device, seq })));

/** By device, the seqs in the order in which they lie there. */
async function seqsIn(...names: string[]): Promise<Record<string, number[]>> {
  const seqs: Record<string, number[]> = {};
  for (const { key, headers } of await consume({ bootstrap, topics: names.map(topicOf) })) {
    const device = String(key);
    seqs[device] = [...(seqs[device] ?? []), Number(headers['hw-id']?.split('/')[1])];
  }
  return seqs;
}

const upTo = (count: number) => Array.from({ length: count }, (_, seq) => seq);
const limit = (topic: string, bytes: number) =>
  withAdmin(bootstrap, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          ...{ type: 2, name: topicOf(topic) },
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    }),
  );

test('a topic that was missing: what became letters is in it once, in order, with its time', async () => {
  await createTopics(bootstrap, [dead()], 2);
  const proxy = await startProxy(site.config, ['--set', 'kafka.topicGraceSeconds=0']);
  const sensor = await startSensor({ port: proxy.tcpPort, everyMs: 5 });
  await until(() => sensor.sent.size >= 50);
  assert.ok(await sensor.finish());
  const committed = () => proxy.metric('headwater_events_committed_total');
  await until(async () => (await committed()) === sensor.sent.size);
  assert.is(await proxy.stop(), 0);
  const events = sensor.sent.size;

  const before = await list();
  assert.is(before.letters.length, events);
  const { topic, device, seq, why } = before.letters[0] ?? {};
  assert.equal([topic, device, seq], [topicOf('climate'), 'press-07', 0]);
  assert.match(String(why), /is missing/);
  const dry = await resend('--dry-run');
  assert.equal([dry.code, dry.waits], [3, events]);

  await createTopics(bootstrap, [topicOf('climate')], 4);
  assert.is((await resend('--dry-run')).resent, events);
  const first = await resend();
  assert.equal([first.code, first.resent, first.before, first.waits], [0, events, 0, 0]);
  const again = await resend();
  assert.equal([again.code, again.resent, again.before], [0, 0, events]);
  await judge(bootstrap, topicOf('climate'), [sensor]);
  const times = new Map(
    before.letters.map((letter) => [`${letter.boot}/${letter.seq}`, letter.time]),
  );
  for (const { headers, timestampMs } of await consume({
    bootstrap,
    topics: [topicOf('climate')],
  })) {
    assert.is(timestampMs, times.get(headers['hw-id'] ?? ''));
    assert.match(headers['hw-resent'] ?? '', /^[01]\/\d+$/);
    assert.not('hw-why' in headers || 'hw-topic' in headers || 'hw-timestamp' in headers);
  }
  const after = await list('--all');
  assert.equal([after.sum.letters, after.sum.resent, after.sum.waiting], [events, events, 0]);
  await sensor.stop();
});

test('killed at any step and started again: nothing twice, nothing left out, in order', async () => {
  const devices = ['a', 'b', 'c'];
  await makeLetters(many('climate', devices, 600));
  await createTopics(bootstrap, [topicOf('climate')], 3);
  let killed = 0;
  for (const request of ['initProducerId', 'addPartitionsToTxn', 'produce', 'endTxn']) {
    for (const when of ['before', 'after']) {
      const { code } = await cut(`${request}:${when}:kill`);
      if (code === null) killed++;
    }
  }
  assert.is(killed, 8);
  const last = await resend();
  assert.is(last.code, 0);
  assert.ok(last.before > 0, 'a run that was killed had committed');
  const all = upTo(600);
  assert.equal(await seqsIn('climate'), { a: all, b: all, c: all });
});

function cut(where: string, ...more: string[]): Promise<Ended> {
  return started(where, ...more).ended;
}

function started(where: string, ...more: string[]): Running {
  const words = ['dlq', 'resend', '--config', site.config, '--json', ...more];
  return spawnHeadwater(words, { CUT_AT: where }, layer);
}

test('a commit whose answer is lost, and a request: the command looks and goes on by itself', async () => {
  await makeLetters(many('climate', ['a'], 500));
  await createTopics(bootstrap, [topicOf('climate')], 1);
  for (const [where, limit] of [
    ['endTxn:after:lose', '100'],
    ['endTxn:after:lose', '150'],
    ['endTxn:before:lose', '200'],
    ['endTxn:after:lose', '50'],
  ] as const) {
    const { code, output } = await cut(where, '--limit', limit);
    assert.equal([code, JSON.parse(output).resent], [0, Number(limit)]);
  }
  assert.equal(await seqsIn('climate'), { a: upTo(500) });
});

test('two at once: the first one stops with a sentence, and nothing is sent twice', async () => {
  await makeLetters(many('climate', ['a'], 500));
  await createTopics(bootstrap, [topicOf('climate')], 1);
  const one = started('initProducerId:before:stop');
  const two = started('addPartitionsToTxn:before:stop');
  await one.stopped();
  await two.stopped();
  const three = started('endTxn:before:stop');
  await three.stopped();
  const other = await resend();
  assert.equal([other.code, other.resent, other.before], [0, 500, 0]);
  for (const suspended of [two, three]) {
    suspended.child.kill('SIGCONT');
    const { code, complaint, output } = await suspended.ended;
    assert.is(code, 1);
    assert.match(
      complaint,
      /^headwater: another `headwater dlq resend` .*nothing is sent twice\n$/,
    );
    assert.is(output, '');
  }
  // This one had not looked yet.
  one.child.kill('SIGCONT');
  const { code, output } = await one.ended;
  assert.equal([code, JSON.parse(output).resent, JSON.parse(output).before], [0, 0, 500]);
  assert.equal(await seqsIn('climate'), { a: upTo(500) });
});

test('a note that an open transaction hides is waited for, and not overlooked', async () => {
  await makeLetters(many('climate', ['a'], 100), 1);
  await createTopics(bootstrap, [topicOf('climate')], 1);
  const first = started('addPartitionsToTxn:before:stop');
  await first.stopped();
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ transactionalId: `open-${site.name}`, maxInFlightRequests: 1 });
  await producer.connect();
  const open = await producer.transaction();
  await open.send({ topic: dead(), messages: [{ key: 'other', value: '{}', partition: 0 }] });
  first.child.kill('SIGCONT');
  const { output } = await first.ended;
  assert.is(JSON.parse(output).resent, 100);
  const second = started('');
  let said = '';
  second.child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  await until(
    () => said.includes('waiting for an open transaction to end') || second.child.exitCode !== null,
  );
  await open.commit();
  await producer.disconnect();
  assert.is(JSON.parse((await second.ended).output).before, 100);
  assert.equal(await seqsIn('climate'), { a: upTo(100) });
});

test('what Kafka still refuses says why and stays; the rest goes, and that one once it may', async () => {
  const large = 'x'.repeat(3000);
  const letters = many('climate', ['a'], 6).map((one) => ({
    ...one,
    value: one.seq === 2 || one.seq === 4 ? large : `${one.seq}`,
  }));
  await makeLetters([...letters, { topic: 'missing', device: 'b', seq: 0, why: 'never made' }], 1);
  await createTopics(bootstrap, [topicOf('climate')], 1);
  await limit('climate', 1000);
  const { code, resent, stays } = await resend();
  assert.equal([code, resent], [3, 4]);
  const told = stays;
  assert.equal(told.map(({ topic, letters: count }) => [topic, count]).sort(), [
    [topicOf('climate'), 2],
    [topicOf('missing'), 1],
  ]);
  assert.match(told.find(({ topic }) => topic === topicOf('climate'))?.why ?? '', /larger/);
  assert.match(
    told.find(({ topic }) => topic === topicOf('missing'))?.why ?? '',
    /create it: kafka-topics/,
  );
  assert.equal(await seqsIn('climate'), { a: [0, 1, 3, 5] });
  await limit('climate', 100_000);
  const next = await resend('--topic', topicOf('climate'));
  assert.equal([next.code, next.resent, next.before], [0, 2, 4]);
  assert.equal(await seqsIn('climate'), { a: [0, 1, 3, 5, 2, 4] });
  const { sum } = await list();
  assert.equal([sum.letters, sum.resent, sum.waiting], [7, 6, 1]);
});

test('filters: what they leave out waits, and is sent once by a later run, whatever its filters', async () => {
  await makeLetters([
    ...many('climate', ['a', 'b'], 20),
    ...many('alarm', ['a'], 3).map((one) => ({ ...one, why: 'Forbidden by an ACL' })),
  ]);
  await createTopics(bootstrap, [topicOf('climate'), topicOf('alarm')], 1);
  assert.is((await resend('--device', 'b', '--limit', '5')).resent, 5);
  assert.is((await resend('--why', 'forbidden')).resent, 3);
  assert.is((await list('--device', 'b')).sum.waiting, 15);
  assert.equal((await list('--limit', '2')).letters.length, 2);
  assert.is((await resend('--topic', topicOf('climate'), '--device', 'a')).resent, 20);
  const { resent, before } = await resend();
  assert.equal([resent, before], [15, 28]);
  assert.equal(await seqsIn('climate'), { a: upTo(20), b: upTo(20) });
  assert.equal(await seqsIn('alarm'), { a: [0, 1, 2] });
});

test('a value that Kafka did not hold whole is sent whole from the journal, and stays where it is gone', async () => {
  const whole = Buffer.from(JSON.stringify('y'.repeat(20_000)));
  const gone = 'z'.repeat(9000);
  await makeLetters(
    [whole.toString(), gone].map((value, seq) => ({
      topic: 'climate',
      device: 'a',
      seq,
      value,
      isCut: true,
    })),
  );
  await createTopics(bootstrap, [topicOf('climate')], 1);
  const folder = letterFolderOf(join(site.folder, 'journal'));
  await createLetterValues(nodeDisk(), folder)(sha256Of(whole), whole);
  const { letters } = await list();
  assert.equal(
    letters.map(({ bytes, sha256 }) => [bytes, sha256]),
    [
      [whole.length, sha256Of(whole)],
      [9000, sha256Of(Buffer.from(gone))],
    ],
  );
  const { code, resent, stays } = await resend();
  assert.equal([code, resent], [3, 1]);
  assert.match(stays[0]?.why ?? '', /whole value of 9000 bytes is not there/);
  const [record, ...others] = await consume({ bootstrap, topics: [topicOf('climate')] });
  assert.equal(others, []);
  assert.is(record?.value?.toString(), whole.toString());
  assert.not('hw-sha256' in (record?.headers ?? {}));
});

test('no topic, no letters, no kafka, wrong words: each is said, with its exit code', async () => {
  for (const verb of ['list', 'resend']) {
    const none = await dlq(verb);
    assert.equal(
      [none.code, none.output],
      [0, `${dead()}: no such topic, so there are no dead letters; it is yours to create\n`],
    );
  }
  await createTopics(bootstrap, [dead()], 1);
  const empty = await dlq('list');
  assert.equal([empty.code, empty.output], [0, `${dead()}: no dead letters\n`]);
  const nothing = await dlq('resend');
  assert.equal(
    [nothing.code, nothing.output],
    [0, `${dead()}: 0 resent, 0 stay, 0 were resent before\n`],
  );
  const wrong = await dlq('list', '--limit', 'x');
  assert.is(wrong.code, 2);
  const bare = await makeSite({ bootstrap: null, label: 'bare' });
  const without = await runHeadwater(['dlq', 'list', '--config', bare.config]);
  assert.is(without.code, 2);
  assert.match(without.complaint, /no section kafka/);
  await bare.remove();
});

test.run();
