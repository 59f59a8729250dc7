// `headwater journal resend` on a real broker: a topic is deleted and made again, and what the journal keeps comes into it once more, once for
// each resend, in order and marked, beside the proxy that goes on, and though the command is killed on the way.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, deleteTopic } from '../kafka/topics.js';
import {
  type ProxyProcess,
  runHeadwater,
  spawnHeadwater,
  startProxy,
} from '../site/proxy-process.js';
import { type Sensor, startFlood, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('journal resend');
let site: Site;
let bootstrap: string;
let proxy: ProxyProcess;
const sensors: Sensor[] = [];
const from = '2020-01-01T00:00Z';
const to = '2100-01-01T00:00Z';

test.before.each(async () => {
  bootstrap = await sharedBroker();
  const journal = { folder: './journal', keepCommittedHours: 24, segmentBytes: '64 KiB' };
  const kafka = { brokers: bootstrap.split(',') };
  site = await makeSite({ bootstrap, label: 'resend', overrides: { journal, kafka } });
  await createTopics(bootstrap, [topic()], 1);
  proxy = await startProxy(site.config);
});
test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  await proxy.kill();
  await site.remove();
});

const topic = () => `${site.name}.climate`;
const committed = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;

async function sent(count: number, device = 'press-07', start = startSensor): Promise<Sensor> {
  const before = await committed();
  const sensor = await start({ port: proxy.tcpPort, everyMs: 1, device });
  sensors.push(sensor);
  await until(() => sensor.acknowledged() >= count);
  assert.ok(await sensor.finish());
  await until(async () => (await committed()) === before + sensor.sent.size);
  return sensor;
}

const words = (...more: string[]) => [
  ...['journal', 'resend', '--config', site.config, '--from', from, '--to', to],
  ...more,
];
const resend = (...more: string[]) => runHeadwater(words(...more));

async function read(name = topic()) {
  const records = await consume({ bootstrap, topics: [name] });
  return records.map(({ key, headers }) => {
    return {
      device: String(key),
      seq: Number(headers['hw-id']?.split('/')[1]),
      by: headers['hw-resent'],
    };
  });
}

/** A configuration with which a resend is slow enough to be met on the way. */
async function slow(): Promise<string> {
  const path = join(site.folder, 'slow.yaml');
  const text = await readFile(site.config, 'utf8');
  await writeFile(path, text.replace('kafka:\n', 'kafka:\n  drainEventsPerSecond: 100\n'));
  return path;
}

const upTo = (count: number) => Array.from({ length: count }, (_, seq) => seq);

test('a topic that was deleted and made again has its events again, and the proxy goes on', async () => {
  const first = (await sent(300)).sent.size;
  await deleteTopic(bootstrap, topic());
  await createTopics(bootstrap, [topic()], 1);
  const dry = await resend('--dry-run', '--json');
  assert.is(dry.code, 0, dry.complaint);
  const plan = JSON.parse(dry.output);
  assert.equal([plan.events, plan.topics, plan.sent], [first, { [topic()]: first }, 0]);
  assert.equal(await read(), []);

  const ended = await resend();
  assert.is(ended.code, 0, ended.complaint);
  assert.match(
    ended.complaint,
    /they come again in these topics, each with the header hw-resent: /,
  );
  const records = await read();
  assert.equal(
    records.map(({ seq }) => seq),
    upTo(first),
  );
  assert.equal([...new Set(records.map(({ by }) => by))], [plan.id]);

  const again = await resend('--json');
  assert.is(again.code, 0, again.complaint);
  assert.equal([JSON.parse(again.output).sent, (await read()).length], [0, first], 'it is through');
  const more = (await sent(50, 'press-08')).sent.size;
  assert.is((await read()).length, first + more);
  const rest = JSON.parse((await resend('--json')).output);
  assert.equal([rest.sent, rest.through], [more, true], 'what came since');
  assert.equal(proxy.said(), []);
});

test('by device, and once more under another name', async () => {
  const one = (await sent(60, 'press-01')).sent.size;
  const other = (await sent(80, 'press-02')).sent.size;
  for (const id of ['a', 'b']) {
    const ended = await resend('--device', 'press-02', '--id', id, '--json');
    assert.is(JSON.parse(ended.output).sent, other, ended.complaint);
  }
  const records = await read();
  assert.is(records.length, one + 3 * other);
  for (const id of ['a', 'b']) {
    const ofIt = records.filter(({ by }) => by === id);
    assert.equal([...new Set(ofIt.map(({ device }) => device))], ['press-02']);
    assert.equal(
      ofIt.map(({ seq }) => seq),
      upTo(other),
    );
  }
  const none = await resend('--topic', 'climate', '--json');
  assert.equal([none.code, JSON.parse(none.output).records], [0, 0]);
});

test('a name stands for one selection of one journal: another one under it is refused', async () => {
  await sent(60, 'press-01');
  await sent(80, 'press-02');
  assert.is((await resend('--device', 'press-01', '--id', 'incident')).code, 0);
  const records = (await read()).length;
  const other = await resend('--device', 'press-02', '--id', 'incident');
  assert.is(other.code, 2, other.complaint);
  assert.match(
    other.complaint,
    'resend incident is --from 2020-01-01T00:00:00.000Z --to 2100-01-01T00:00:00.000Z --device press-01: ' +
      'give this one another --id\n',
  );
  assert.is(other.output, '');
  assert.is((await read()).length, records);

  assert.is(await proxy.stop(), 0);
  await rm(join(site.folder, 'journal'), { recursive: true });
  assert.is((await runHeadwater(['proxy', '--config', site.config])).code, 1);
  const adopt = ['journal', 'adopt', '--config', site.config, '--yes'];
  assert.is((await runHeadwater(adopt)).code, 0);
  proxy = await startProxy(site.config);
  const now = (await sent(40, 'press-01')).sent.size;
  const wiped = await resend('--device', 'press-01', '--id', 'incident');
  assert.is(wiped.code, 2, wiped.complaint);
  assert.match(
    wiped.complaint,
    /resend incident is of another journal, [0-9a-f]{32}: give this one another --id\n/,
  );
  const fresh = await resend('--device', 'press-01', '--id', 'another', '--json');
  assert.is(JSON.parse(fresh.output).sent, now, fresh.complaint);
});

test('what is not in Kafka yet is sent again by the same command, once it is there', async () => {
  const first = (await sent(60)).sent.size;
  await deleteTopic(bootstrap, topic());
  const held = await startSensor({ port: proxy.tcpPort, everyMs: 1, device: 'press-08' });
  sensors.push(held);
  await until(() => held.acknowledged() >= 60);
  assert.ok(await held.finish());
  await proxy.kill();
  await createTopics(bootstrap, [topic()], 1);
  const early = await resend('--json');
  assert.match(early.complaint, /\d+ journal records are not in Kafka yet: the proxy sends them/);
  const { sent: early1, through } = JSON.parse(early.output);
  assert.equal([early.code, early1, through], [0, first, true]);

  proxy = await startProxy(site.config);
  await until(async () => (await read()).length === first + held.sent.size);
  const later = await resend('--json');
  assert.equal([later.code, JSON.parse(later.output).sent], [0, held.sent.size], later.complaint);
  const records = (await read()).filter(({ device }) => device === 'press-08');
  assert.equal(
    records.map(({ seq }) => seq),
    [...upTo(held.sent.size), ...upTo(held.sent.size)],
  );
  const none = await resend('--json');
  assert.is(JSON.parse(none.output).sent, 0);
});

test('the journal lets go of what is being sent: it ends, and says how much is gone', async () => {
  await proxy.stop();
  const small = ['--set', 'journal.bytesMax=1048576'];
  proxy = await startProxy(site.config, small);
  // More than a lane reads at once.
  const all = (await sent(3000, 'press-07', startFlood)).sent.size;
  const config = await slow();
  const running = spawnHeadwater([...words('--device', 'press-07', '--json'), '--config', config]);
  let ended: Awaited<typeof running.ended> | null = null;
  running.ended.then((end) => {
    ended = end;
  });
  const resent = async () => (await read()).filter(({ by }) => by !== undefined).length;
  await until(async () => (await resent()) > 0);
  for (const device of ['press-08', 'press-09', 'press-10']) {
    sensors.push(await startFlood({ port: proxy.tcpPort, device }));
  }
  try {
    await until(() => ended !== null);
  } finally {
    running.child.kill('SIGKILL');
  }
  const { code, output, complaint } = await running.ended;
  assert.is(code, 1, complaint);
  const said = JSON.parse(output);
  assert.equal([said.records, said.sent + said.gone, said.through], [all, all, true]);
  assert.ok(said.gone > 0);
  assert.is(await resent(), said.sent);
  assert.not.match(complaint, /trying on/);
  assert.match(
    complaint,
    new RegExp(
      `resend ${said.id}: ${said.sent} of ${all} records sent; ${said.gone} are gone: the journal let go of them ` +
        'before they were sent, to make room for events. Nothing of it is left to send; ',
    ),
  );

  const again = await resend('--device', 'press-07', '--json');
  assert.equal([again.code, JSON.parse(again.output).sent], [1, 0]);
  assert.match(
    again.complaint,
    /had come to \d+, and the journal begins at \d+ now: what lay between and was not sent is gone/,
  );
});

test('killed again and again, each event comes once', async () => {
  const all = (await sent(600)).sent.size;
  await deleteTopic(bootstrap, topic());
  await createTopics(bootstrap, [topic()], 1);
  const config = await slow();
  for (let kills = 0; kills < 3; kills++) {
    const before = (await read()).length;
    const command = [join(projectFolder, 'dist/headwater.js'), ...words('--id', 'x')];
    command[command.indexOf(site.config)] = config;
    const child = spawn(process.execPath, command, { stdio: 'ignore' });
    await until(async () => (await read()).length > before);
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  assert.ok((await read()).length < all, 'it was through before it was killed');
  const ended = await resend('--id', 'x');
  assert.is(ended.code, 0, ended.complaint);
  assert.match(ended.complaint, /resend x goes on behind what it has sent before/);
  const records = await read();
  assert.equal(
    records.map(({ seq }) => seq),
    upTo(all),
  );
});

test('a topic that is missing is waited for, and makes no dead letters', async () => {
  const all = (await sent(40)).sent.size;
  await deleteTopic(bootstrap, topic());
  const command = [join(projectFolder, 'dist/headwater.js'), ...words()];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  await until(() => said.includes(`${topic()}`) && said.includes('trying on'));
  await createTopics(bootstrap, [topic()], 1);
  const [code] = await once(child, 'close');
  assert.is(code, 0, said);
  assert.is((await read()).length, all);
});

test('mistakes are said in a line', async () => {
  const cases: [string[], number, RegExp][] = [
    [['--from', 'yesterday'], 2, /expected a time with its zone/],
    [['--from', '2026-02-31T08:00Z'], 2, /expected a time with its zone/],
    [['--to', from], 2, /--from is not before --to/],
    [['--config', `${site.folder}/none.yaml`], 2, /none\.yaml: there is no such file/],
  ];
  for (const [more, code, line] of cases) {
    const ended = await resend(...more);
    assert.is(ended.code, code, ended.complaint);
    assert.match(ended.complaint, line);
    assert.not.match(ended.complaint, /\n {4}at /);
  }
});

test.run();
