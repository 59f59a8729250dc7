// `headwater journal adopt` on Apache Kafka, for each way in which a start is refused: it says what it would do and does nothing, then does
// it, the proxy goes on, what may be there already is marked, and the journal of before is the one that is refused.

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, deleteTopic } from '../kafka/topics.js';
import { judge } from '../site/judge.js';
import {
  type Ended,
  type ProxyProcess,
  runHeadwater,
  spawnHeadwater,
  startProxy,
} from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('adopting a journal');
const layer = ['--import', new URL('../site/cut-at-request.js', import.meta.url).href];
let bootstrap = '';
let site: Site;
let proxies: ProxyProcess[] = [];
let sensors: Sensor[] = [];

test.before.each(async () => {
  bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'adopt' });
  await createTopics(bootstrap, [climate()], 1);
});

test.after.each(async () => {
  for (const sensor of sensors) sensor.stop();
  await Promise.all(proxies.map((proxy) => proxy.kill()));
  sensors = [];
  proxies = [];
  await site.remove();
});

const climate = () => `${site.prefix}climate`;
const folderOf = (name: string) => join(site.folder, name);
const on = (journal: string) => ({ HEADWATER_JOURNAL_FOLDER: folderOf(journal) });
const copy = (from: string, to: string) => cp(folderOf(from), folderOf(to), { recursive: true });
const committed = async (proxy: ProxyProcess) =>
  (await proxy.metric('headwater_events_committed_total')) ?? 0;

async function start(journal: string, config = site.config): Promise<ProxyProcess> {
  const proxy = await startProxy(config, ['--set', `journal.folder=${folderOf(journal)}`]);
  proxies.push(proxy);
  return proxy;
}

/** A device's life against a proxy, until everything is acknowledged. */
async function send(proxy: ProxyProcess, device: string): Promise<Sensor> {
  const sensor = await startSensor({ port: proxy.tcpPort, device, everyMs: 5 });
  sensors.push(sensor);
  await until(() => sensor.sent.size >= 20);
  assert.ok(await sensor.finish());
  sensor.stop();
  return sensor;
}

/** The same, until Kafka has all of it. */
async function deliver(proxy: ProxyProcess, device: string): Promise<Sensor> {
  const before = await committed(proxy);
  const sensor = await send(proxy, device);
  await until(async () => (await committed(proxy)) >= before + sensor.sent.size);
  return sensor;
}

async function delivered(journal: string, device: string): Promise<Sensor> {
  const proxy = await start(journal);
  const sensor = await deliver(proxy, device);
  assert.is(await proxy.stop(), 0);
  return sensor;
}

/** Journaled, while no Kafka was there. */
async function growAlone(journal: string, device: string): Promise<Sensor> {
  const alone = await makeSite({ bootstrap: null, label: 'alone' });
  const proxy = await start(journal, alone.config);
  const sensor = await send(proxy, device);
  assert.is(await proxy.stop(), 0);
  await alone.remove();
  return sensor;
}

async function refused(journal: string): Promise<void> {
  const words = ['proxy', '--config', site.config, '--json'];
  const { code, output } = await runHeadwater(words, on(journal));
  assert.is(code, 1);
  assert.match(output, /`headwater journal adopt` says what going on with this one costs/);
  assert.not(output.includes('"listening"'));
}

const adopt = (journal: string, ...words: string[]): Promise<Ended> =>
  runHeadwater(['journal', 'adopt', '--config', site.config, ...words], on(journal));

async function adopted(journal: string, events: number, why: string): Promise<void> {
  const planned = await adopt(journal, '--json');
  assert.is(planned.code, 3, planned.complaint);
  const plan = JSON.parse(planned.output);
  assert.equal([plan.outcome, plan.why, plan.events], ['planned', why, events]);
  await refused(journal);
  const done = await adopt(journal, '--yes', '--json');
  assert.equal([done.code, done.complaint], [0, '']);
  assert.is(JSON.parse(done.output).outcome, 'adopted');
  const again = await adopt(journal, '--yes', '--json');
  assert.equal([again.code, JSON.parse(again.output).outcome], [0, 'needless']);
}

/** Of a device, in the order in which they lie there: seq, and whether it is said to be perhaps a repeat. */
async function recordsOf(device: string): Promise<[seq: number, isRepeat: boolean][]> {
  const records = await consume({ bootstrap, topics: [climate()] });
  return records
    .filter(({ key }) => String(key) === device)
    .map(({ headers }) => [
      Number(headers['hw-id']?.split('/')[1]),
      headers['hw-repeat'] === 'perhaps',
    ]);
}

const all = ({ sent }: Sensor, isRepeat: boolean) =>
  Array.from({ length: sent.size }, (_, seq) => [seq, isRepeat]);

test('a wiped journal: goes on with the new one, from its beginning, and the old one is refused', async () => {
  const before = await delivered('journal', 'press-1');
  await refused('wiped');
  await adopted('wiped', 0, 'foreign-journal');
  // Twice, since the position that adoption made names no record.
  for (let starts = 0; starts < 2; starts++) assert.is(await (await start('wiped')).stop(), 0);
  const after = await delivered('wiped', 'press-2');
  await refused('journal');
  const last = await delivered('wiped', 'press-3');
  await judge(bootstrap, climate(), [before, after, last]);
  assert.equal(await recordsOf('press-2'), all(after, false));
});

test('a wiped journal that has grown without Kafka: what it holds is sent, and marked', async () => {
  const before = await delivered('journal', 'press-1');
  const alone = await growAlone('wiped', 'press-2');
  await refused('wiped');
  await adopted('wiped', alone.sent.size, 'foreign-journal');
  const after = await delivered('wiped', 'press-3');
  await judge(bootstrap, climate(), [before, alone, after]);
  assert.equal(await recordsOf('press-2'), all(alone, true));
  assert.equal(await recordsOf('press-3'), all(after, false));
});

test('an older copy put back: goes on from what Kafka had confirmed of it, and the newest is refused', async () => {
  const before = await delivered('journal', 'press-1');
  await copy('journal', 'older');
  const lost = await delivered('journal', 'press-2');
  await refused('older');
  await adopted('older', 0, 'other-record');
  const after = await delivered('older', 'press-3');
  await refused('journal');
  await judge(bootstrap, climate(), [before, lost, after]);
});

test('a copy with events that the other one delivered: they come twice, marked, and no others do', async () => {
  const before = await delivered('journal', 'press-1');
  const twice = await growAlone('journal', 'press-2');
  await copy('journal', 'clone');
  const meanwhile = await delivered('journal', 'press-3');
  const own = await growAlone('clone', 'press-4');
  await refused('clone');
  await adopted('clone', twice.sent.size + own.sent.size, 'other-record');
  const after = await delivered('clone', 'press-5');
  await refused('journal');
  assert.equal(await recordsOf('press-1'), all(before, false));
  assert.equal(await recordsOf('press-2'), [...all(twice, false), ...all(twice, true)]);
  assert.equal(await recordsOf('press-3'), all(meanwhile, false));
  assert.equal(await recordsOf('press-4'), all(own, true));
  assert.equal(await recordsOf('press-5'), all(after, false));
});

test('while the other proxy runs: it ends, or adoption says to stop it', async () => {
  const owner = await start('journal');
  const before = await deliver(owner, 'press-1');
  await refused('wiped');
  const { code, complaint } = await adopt('wiped', '--yes');
  if (code === 0) {
    // It hears of it with its next transaction.
    sensors.push(await startSensor({ port: owner.tcpPort, device: 'press-9' }));
    assert.is(await owner.end(), 1);
    assert.match(owner.said().at(-1) ?? '', /^headwater: lane 0 was taken over by/);
  } else {
    assert.match(
      complaint,
      /another proxy of site .* runs, and has taken its lane back: stop that one/,
    );
    assert.is(await owner.stop(), 0);
    assert.is((await adopt('wiped', '--yes')).code, 0);
  }
  const after = await delivered('wiped', 'press-2');
  await judge(bootstrap, climate(), [before, after]);
});

test('killed before the commit it changed nothing, and is run again; behind it, it is done', async () => {
  const before = await delivered('journal', 'press-1');
  await refused('wiped');
  const words = ['journal', 'adopt', '--config', site.config, '--yes', '--json'];
  // The first transaction is the claim's, the second the position's.
  for (const where of ['initProducerId:after:kill', 'endTxn2:before:kill']) {
    const { code } = await spawnHeadwater(words, { ...on('wiped'), CUT_AT: where }, layer).ended;
    assert.is(code, null, where);
    await refused('wiped');
  }
  // The rightful one was fenced, and never refused.
  const still = await delivered('journal', 'press-2');
  const where = { ...on('wiped'), CUT_AT: 'endTxn2:after:kill' };
  assert.is((await spawnHeadwater(words, where, layer).ended).code, null);
  const after = await delivered('wiped', 'press-3');
  await judge(bootstrap, climate(), [before, still, after]);
});

test('where nothing refuses it changes nothing: first start, restart, Kafka lost its positions, a proxy that runs', async () => {
  const needless = async () => {
    const { code, output } = await adopt('journal', '--yes');
    assert.is(code, 0);
    assert.match(output, /no need to adopt it: a proxy starts on it/);
  };
  const none = await adopt('journal');
  assert.is(none.code, 2);
  assert.match(none.complaint, /no journal yet/);
  const proxy = await start('journal');
  const before = await deliver(proxy, 'press-1');
  const running = await adopt('journal', '--yes');
  assert.is(running.code, 1);
  assert.match(running.complaint, /is in use by another headwater/);
  assert.is(await proxy.stop(), 0);
  await needless();
  await deleteTopic(bootstrap, `${site.name}.headwater.positions`);
  await needless();
  const after = await delivered('journal', 'press-2');
  await judge(bootstrap, climate(), [before, after]);
});

test('the plan is for a person: what it does, what may come twice, what may be lost, and how to go on', async () => {
  await delivered('journal', 'press-1');
  await refused('wiped');
  const { code, output } = await adopt('wiped');
  assert.is(code, 3);
  for (const part of [
    /Kafka's position of lane 0 is of journal/,
    /make Kafka follow this journal from its beginning: 0 events of 0 devices/,
    /What may come twice/,
    /What may be lost:\n {2}- what the journal before, or the other one had acknowledged/,
    /Nothing was changed\. To do it: headwater journal adopt --config .* --yes/,
  ]) {
    assert.match(output, part);
  }
});

test.run();
