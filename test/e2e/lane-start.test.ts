// Each way in which a lane's start can be decided, on Apache Kafka, with real journals and the built proxy: who is
// in the right goes on and is not disturbed by the one who is mistaken, whose end is one line and exit code 1.

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, deleteTopic } from '../kafka/topics.js';
import { books, judge } from '../site/judge.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite("a lane's start");
let bootstrap = '';
let site: Site;
let proxies: ProxyProcess[] = [];
let sensors: Sensor[] = [];

test.before.each(async () => {
  bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'start' });
  await createTopics(bootstrap, [climate()]);
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
const committed = async (proxy: ProxyProcess) =>
  (await proxy.metric('headwater_events_committed_total')) ?? 0;
const recordsOf = (proxy: ProxyProcess) => proxy.metric('headwater_lane_records_total');

/** On the journal of that name, below the site's folder. */
async function start(journal: string, config = site.config): Promise<ProxyProcess> {
  const proxy = await startProxy(config, ['--set', `journal.folder=${folderOf(journal)}`]);
  proxies.push(proxy);
  return proxy;
}

async function sense(proxy: ProxyProcess, device: string): Promise<Sensor> {
  const sensor = await startSensor({ port: proxy.tcpPort, device, everyMs: 5 });
  sensors.push(sensor);
  return sensor;
}

/** So many events more are in Kafka. */
async function goesOn(proxy: ProxyProcess, events = 10): Promise<void> {
  const before = await committed(proxy);
  await until(async () => (await committed(proxy)) >= before + events);
}

/** A device's life against a proxy, until Kafka has all of it. */
async function deliver(proxy: ProxyProcess, device: string): Promise<Sensor> {
  const before = await committed(proxy);
  const sensor = await sense(proxy, device);
  await until(() => sensor.sent.size >= 20);
  assert.ok(await sensor.finish());
  await until(async () => (await committed(proxy)) === before + sensor.sent.size);
  sensor.stop();
  return sensor;
}

/** Appends to a journal without Kafka: what a copy does that was started somewhere else. */
async function growAlone(journal: string, device: string): Promise<void> {
  const alone = await makeSite({ bootstrap: null, label: 'alone' });
  const proxy = await start(journal, alone.config);
  const sensor = await sense(proxy, device);
  await until(() => sensor.sent.size >= 60);
  assert.ok(await sensor.finish());
  sensor.stop();
  assert.is(await proxy.stop(), 0);
  await alone.remove();
}

/** A start that must fail: exit code 1 and one line on standard error, before it listened; the log has the same one. */
async function refuses(journal: string, expected: RegExp): Promise<void> {
  const folder = ['--set', `journal.folder=${folderOf(journal)}`];
  const words = ['proxy', '--config', site.config, '--json', ...folder];
  const { code, output, complaint } = await runHeadwater(words);
  assert.is(code, 1);
  const log = linesOf(output);
  const said = log.filter(({ level }) => level === 'warn' || level === 'error');
  assert.is(said.length, 1, output);
  assert.match(String(said[0]?.msg), expected);
  assert.not(
    log.some(({ msg }) => msg === 'listening'),
    'it took no event',
  );
  assert.is(complaint, `headwater: ${said[0]?.msg}\n`);
}

const linesOf = (output: string) =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The same beside the rightful one, which commits before and after. */
async function refused(journal: string, expected: RegExp, rightful: ProxyProcess): Promise<void> {
  await refuses(journal, expected);
  await goesOn(rightful);
  assert.equal(rightful.said(), []);
  assert.is(await rightful.metric('headwater_lane_events_total'), 0);
}

test('a first start, a restart and a restart after a kill: each goes on where it was', async () => {
  let proxy = await start('journal');
  const first = await deliver(proxy, 'press-1');
  assert.is(await proxy.stop(), 0);
  proxy = await start('journal');
  const second = await deliver(proxy, 'press-2');
  // Of the first life nothing was sent again.
  assert.is(await recordsOf(proxy), second.sent.size);
  await proxy.kill();
  proxy = await start('journal');
  const third = await deliver(proxy, 'press-3');
  assert.is(await proxy.stop(), 0);
  assert.equal(
    proxies.flatMap((one) => one.said()),
    [],
  );
  await judge(bootstrap, climate(), [first, second, third]);
});

test('a wiped journal is refused, and disturbs nobody', async () => {
  const owner = await start('journal');
  const sensor = await sense(owner, 'press-1');
  await goesOn(owner);
  await refused(
    'wiped',
    /Kafka's position of lane 0 is of journal [0-9a-f]{32}, and this one is [0-9a-f]{32}: .*put its journal back/,
    owner,
  );
  // A second start finds its own journal, and is as mistaken.
  await refused('wiped', /put its journal back/, owner);
  assert.ok(await sensor.finish());
  assert.is(await owner.stop(), 0);
  await judge(bootstrap, climate(), [sensor]);
});

test('a copy is refused: as it was, grown on its own, and both grown', async () => {
  let owner = await start('journal');
  const before = await deliver(owner, 'press-1');
  assert.is(await owner.stop(), 0);
  for (const copy of ['still', 'grown']) {
    await cp(folderOf('journal'), folderOf(copy), { recursive: true });
  }
  owner = await start('journal');
  const sensor = await sense(owner, 'press-2');
  await goesOn(owner);
  const copied = /names a record at \d+, where this journal has (no|another) record: .*newest copy/;
  await refused('still', copied, owner);
  await growAlone('grown', 'press-3');
  await refused('grown', copied, owner);
  assert.ok(await sensor.finish());
  assert.is(await owner.stop(), 0);
  await judge(bootstrap, climate(), [before, sensor]);
});

test('an older copy put back in the place of the journal is refused, also once it has grown', async () => {
  let proxy = await start('journal');
  const before = await deliver(proxy, 'press-1');
  assert.is(await proxy.stop(), 0);
  await cp(folderOf('journal'), folderOf('backup'), { recursive: true });
  proxy = await start('journal');
  const after = await deliver(proxy, 'press-2');
  assert.is(await proxy.stop(), 0);
  await cp(folderOf('journal'), folderOf('newest'), { recursive: true });
  await rm(folderOf('journal'), { recursive: true });
  await cp(folderOf('backup'), folderOf('journal'), { recursive: true });
  for (const grown of [false, true]) {
    if (grown) await growAlone('journal', 'press-3');
    await refuses('journal', /Start the proxy on the newest copy of its journal/);
  }
  // What the line says to do is what helps.
  proxy = await start('newest');
  const last = await deliver(proxy, 'press-4');
  assert.is(await proxy.stop(), 0);
  await judge(bootstrap, climate(), [before, after, last]);
});

test('Kafka lost its positions: goes on from the journal, one error line, counted', async () => {
  let proxy = await start('journal');
  const before = await deliver(proxy, 'press-1');
  assert.is(await proxy.stop(), 0);
  await deleteTopic(bootstrap, `${site.name}.headwater.positions`);
  proxy = await start('journal');
  const after = await deliver(proxy, 'press-2');
  assert.is(await proxy.metric('headwater_lane_events_total', 'what="kafka-lost"'), 1);
  assert.is(proxy.said().length, 1);
  assert.match(proxy.said()[0] ?? '', /Kafka has no position of this lane any more/);
  assert.match(proxy.said()[0] ?? '', /going on from \d+/);
  assert.is(await proxy.stop(), 0);
  await judge(bootstrap, climate(), [before, after]);
});

test('two proxies of one site at once, a journal each: one delivers, the other ends', async () => {
  const tries = await Promise.allSettled([start('one'), start('other')]);
  const running = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const senses = new Map<ProxyProcess, Sensor>();
  for (const [at, proxy] of running.entries()) senses.set(proxy, await sense(proxy, `press-${at}`));
  const errorsOf = (log: Record<string, unknown>[]) => log.filter(({ level }) => level === 'error');
  // One of them ends: at once, before it took anything, or later, when the other has taken over.
  const ended =
    running.length === 2
      ? await Promise.race(
          running.map(async (proxy) => {
            assert.is(await proxy.end(), 1);
            return proxy;
          }),
        )
      : null;
  const failed = tries.find((one) => one.status === 'rejected');
  const errors = errorsOf(ended?.log ?? linesOf(String(failed?.reason)));
  assert.is(errors.length, 1);
  assert.match(String(errors[0]?.msg), /lane 0.*another `site`/);
  const winner = running.find((proxy) => proxy !== ended)!;
  assert.is(errorsOf(winner.log).length, 0);
  await goesOn(winner);
  assert.ok(await senses.get(winner)!.finish());
  assert.is(await winner.stop(), 0);
  const late = ended !== null && books(ended).committed > 0 ? [senses.get(ended)!] : [];
  await judge(bootstrap, climate(), [senses.get(winner)!, ...late]);
});

test.run();
