// A bit of the journal flips: behind a running proxy, and while none runs. On Apache Kafka everything else arrives, the range that
// was lost arrives in the loss topic, and the books count it.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeDisk } from '../../proxy/disk-node.js';
import { JournalReader } from '../../proxy/journal/reader.js';
import type { BlockRecord, Located } from '../../proxy/journal/record.js';
import { listSegments } from '../../proxy/journal/segments.js';
import { consume, type ReadRecord } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { books } from '../site/judge.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('damage');
let bootstrap = '';
let site: Site;
let proxy: ProxyProcess;
let sensor: Sensor;

test.before.each(async () => {
  bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'damage' });
});
test.after.each(async () => {
  sensor.stop();
  await proxy.kill();
  await site.remove();
});

const folder = () => join(site.folder, 'journal');
const topicOf = (name: string) => `${site.prefix}${name}`;
/** The only way for events while Kafka has no such topic. */
const hold = ['--set', 'kafka.topicGraceSeconds=3600'];

type Block = Located<BlockRecord>;

async function blocks(): Promise<Block[]> {
  const reader = new JournalReader({ folder: folder(), disk: nodeDisk() });
  const end = await reader.end();
  const found: Block[] = [];
  for (let next = await reader.begin(); next < end; ) {
    const batch = await reader.read(next, end, 1 << 20);
    found.push(...batch.located.filter((one): one is Block => one.record.kind === 'block'));
    next = batch.next;
  }
  await reader.close();
  return found;
}

async function flip({ offset, end }: Block): Promise<void> {
  const { segments } = await listSegments(nodeDisk(), folder());
  const { name, start } = segments.findLast((one) => one.start <= offset)!;
  // That byte alone: the proxy writes to the same file.
  const file = await open(join(folder(), name), 'r+');
  const at = Math.floor((offset + end) / 2) - start;
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 16;
  await file.write(byte, 0, 1, at);
  await file.close();
}

/** Sends until the journal has so many blocks; one of the last but not the last is hit. */
async function damageOne(): Promise<Block> {
  await until(async () => (await blocks()).length >= 24);
  const found = await blocks();
  const hit = found.at(-4)!;
  await flip(hit);
  return hit;
}

/** Everything that can still come has come; answers the seqs that are in Kafka, and the ranges of lost ones. */
async function arrived(hit: Block): Promise<{ seqs: number[]; losses: object[]; sent: number }> {
  assert.ok(await sensor.finish());
  const lost = hit.record.first + hit.record.count - hit.record.from;
  const sent = sensor.sent.size;
  const metric = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;
  await until(async () => (await metric()) === sent - lost);
  await until(async () => (await read('headwater.loss')).length > 0);
  const seqOf = ({ headers }: ReadRecord) => Number(headers['hw-id']?.split('/')[1]);
  const losses = (await read('headwater.loss')).map(
    ({ value }) => JSON.parse(value?.toString() ?? '') as object,
  );
  return { seqs: (await read('climate')).map(seqOf), losses, sent };
}

const read = (name: string) => consume({ bootstrap, topics: [topicOf(name)] });

async function check(hit: Block): Promise<void> {
  const { boot, from, first, count } = hit.record;
  const { seqs, losses, sent } = await arrived(hit);
  const to = first + count;
  assert.equal(losses, [{ boot, from, to, reason: 'damaged' }]);
  const all = Array.from({ length: sent }, (_, seq) => seq);
  assert.equal(
    seqs,
    all.filter((seq) => seq < from || seq >= to),
    'all others, once and in order',
  );
  const said = proxy.said().filter((line) => /are damaged and passed over/.test(line));
  assert.is(said.length, 1, proxy.said().join('\n'));
  assert.is(await proxy.metric('headwater_journal_damaged'), 1);
  assert.is(await proxy.stop(), 0);
  const { received, committed, buffered, balanced } = books(proxy);
  assert.equal(
    { received, committed, buffered, balanced },
    { received: sent, committed: sent - (to - from), buffered: 0, balanced: true },
  );
}

test('behind the reader of a running proxy', async () => {
  await createTopics(bootstrap, ['headwater.loss', 'headwater.dead'].map(topicOf), 1);
  proxy = await startProxy(site.config, hold);
  sensor = await startSensor({ port: proxy.tcpPort, everyMs: 10 });
  // The lane has read what came first, and waits for the topic.
  const hit = await damageOne();
  const verdict = await runHeadwater(['journal', 'verify', '--config', site.config]);
  assert.is(verdict.code, 1);
  assert.match(verdict.output, `offset ${hit.offset} to ${hit.end}`);
  await createTopics(bootstrap, [topicOf('climate')], 1);
  await check(hit);
});

test('while no proxy runs: the next start passes it over', async () => {
  await createTopics(bootstrap, ['headwater.loss', 'headwater.dead'].map(topicOf), 1);
  proxy = await startProxy(site.config, hold);
  sensor = await startSensor({ port: proxy.tcpPort, everyMs: 10 });
  await until(async () => (await blocks()).length >= 24);
  await proxy.kill();
  const hit = await damageOne();
  await createTopics(bootstrap, [topicOf('climate')], 1);
  // The device finds the proxy again under the port that it had.
  proxy = await startProxy(site.config, [...hold, '--set', `listen.tcp.port=${proxy.tcpPort}`]);
  await check(hit);
});

test.run();
