// `headwater simulate` against the built proxy and a real Kafka: it proves what is so, and names what is not.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Summary } from '../../examples/load-simulator/report/summary.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { runHeadwater, spawnHeadwater, startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('headwater simulate');

interface Result {
  code: number | null;
  summary: Summary;
  complaint: string;
}

function resultOf({ code, output, complaint }: Awaited<ReturnType<typeof runHeadwater>>): Result {
  assert.ok(output.startsWith('{'), `${output}${complaint}`);
  return { code, summary: JSON.parse(output) as Summary, complaint };
}

type Scene = Awaited<ReturnType<typeof scene>>;

async function scene(label: string, prepare?: (config: string) => Promise<unknown>) {
  const bootstrap = await sharedBroker();
  const listen = { tcp: { host: '127.0.0.1', port: 0 } };
  const overrides = prepare === undefined ? {} : { listen, keys: './devices.keys' };
  const site = await makeSite({ bootstrap, label, overrides });
  await prepare?.(site.config);
  const proxy = await startProxy(site.config);
  const words = (...more: string[]) => [
    ...['simulate', '--config', site.config, '--proxy', `127.0.0.1:${proxy.tcpPort}`],
    ...['--create-topics', '--json', '--linger', '50ms', ...more],
  ];
  return { bootstrap, site, proxy, words };
}

test('50 devices under faults, the proxy killed once: every event is counted', async () => {
  const { site, proxy, words } = await scene('simulate');
  const folder = await mkdtemp(join(tmpdir(), 'headwater-report-'));
  const report = join(folder, 'run.html');
  const running = spawnHeadwater(
    words(
      ...[
        '--devices',
        '50',
        '--rate',
        '500',
        '--events',
        '4000',
        '--seed',
        '3',
        '--report',
        report,
      ],
      ...['--with', 'cut:every=1500ms,for=400ms,share=0.3', 'garble:every=2s,for=500ms,rate=0.003'],
      ...['stall:every=1700ms,for=300ms,share=0.2', 'churn:every=2s,for=500ms,share=0.1'],
      ...['power:every=2500ms,for=300ms,share=0.1', 'sleep:every=1900ms,for=600ms,share=0.2'],
      ...['slow:every=3s,for=500ms,share=0.5', 'skew:ppm=200'],
    ),
  );
  const committed = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;
  await until(async () => (await committed()) > 500);
  await proxy.kill();
  const again = await startProxy(site.config, ['--set', `listen.tcp.port=${proxy.tcpPort}`]);
  const { code, summary, complaint } = resultOf(await running.ended);
  assert.is(code, 0, `${JSON.stringify(summary)}${complaint}`);
  const { accepted, inKafka, reportedLost, unheard } = summary.verdict;
  assert.ok(summary.isSound && summary.hasProof);
  assert.ok(accepted >= 3_600 && inKafka > 0);
  assert.is(accepted, inKafka + reportedLost + unheard);
  assert.ok(summary.disturbances.length >= 7);
  const away = summary.troubles.filter(({ kind }) => kind === 'unreachable');
  assert.ok(
    away.some(({ text, toMs }) => /ECONNREFUSED/.test(text) && toMs !== null),
    complaint,
  );
  // The same as JSON beside the page, and the page needs nothing from elsewhere.
  const page = await readFile(report, 'utf8');
  assert.match(page, /Proven: every one of/);
  assert.not.match(page, /(src|href)="?http/);
  const data = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as Summary;
  assert.equal(data.verdict, summary.verdict);
  await again.stop();
  await rm(folder, { recursive: true });
  await site.remove();
});

test('a record that is there twice is named, with exit code 1; Ctrl-C ends with the proof of what was sent', async () => {
  const scenery = await scene('doubled');
  await doubled(scenery);
  await stopped(scenery);
  assert.is(await scenery.proxy.stop(), 0);
  await scenery.site.remove();
});

async function doubled({ bootstrap, site, words }: Scene): Promise<void> {
  const topic = `${site.prefix}simulated`;
  const running = spawnHeadwater(words('--devices', '3', '--rate', '30', '--duration', '10m'));
  let name = '';
  await until(async () => {
    const [record] = await consume({ bootstrap, topics: [topic] });
    if (record === undefined) return false;
    name = `${record.key} ${record.headers['hw-id']}`;
    const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const { partition, key, value, headers } = record;
    await producer.send({ topic, messages: [{ partition, key, value, headers }] });
    await producer.disconnect();
    return true;
  });
  // Not before the second one is there.
  running.child.kill('SIGINT');
  const { code, summary } = resultOf(await running.ended);
  assert.is(code, 1);
  assert.is(summary.isSound, false);
  assert.is(summary.verdict.twice, 1, JSON.stringify(summary.verdict));
  assert.ok(summary.verdict.remarks[0]?.startsWith(name), `${summary.verdict.remarks} ${name}`);
}

async function stopped({ proxy, words }: Scene): Promise<void> {
  const before = (await proxy.metric('headwater_events_received_total')) ?? 0;
  const running = spawnHeadwater(words('--devices', '5', '--rate', '100', '--duration', '10m'));
  await until(
    async () => ((await proxy.metric('headwater_events_received_total')) ?? 0) > before + 50,
  );
  running.child.kill('SIGINT');
  const { code, summary, complaint } = resultOf(await running.ended);
  assert.is(code, 0, JSON.stringify(summary));
  assert.is(summary.endedBy, 'interrupted');
  assert.ok(summary.verdict.inKafka > 0);
  assert.match(complaint, /stopping: no more events/);
}

test('a proxy that is away is told with the time and the counts, and ends the wait', async () => {
  const nobody = ['simulate', '--proxy', '127.0.0.1:1', '--devices', '3', '--json'];
  const { code, summary, complaint } = resultOf(
    await runHeadwater([...nobody, '--no-proof', '--duration', '2s', '--patience', '1s']),
  );
  assert.is(code, 1);
  assert.match(complaint, /00:0\d 3 of 3 devices have no connection: \d+ × ECONNREFUSED/);
  assert.is(summary.verdict.waitingOnDevices, summary.verdict.accepted);
  assert.match(
    summary.unfinished[0] ?? '',
    /acknowledgements of \d events; 0 of 3 .*ECONNREFUSED.*1 s/,
  );
});

test('a proxy that turns devices away is told with the time and the counts', async () => {
  const limits = { connectionsMax: 40, addressShare: 0.5 };
  const site = await makeSite({ bootstrap: null, label: 'simulate-full', overrides: { limits } });
  const proxy = await startProxy(site.config);
  const way = ['simulate', '--proxy', `127.0.0.1:${proxy.tcpPort}`, '--json', '--no-proof'];
  const { code, summary, complaint } = resultOf(
    await runHeadwater([...way, '--devices', '30', '--duration', '3s', '--patience', '2s']),
  );
  assert.is(code, 1);
  assert.match(complaint, /1\d of 30 devices have no connection: \d+ × turned away by the proxy/);
  assert.ok(summary.troubles.some(({ kind }) => kind === 'unreachable'));
  await proxy.stop();
  await site.remove();
});

test('a proxy that asks for keys: they come from its registry, and one that lacks is named', async () => {
  const names = ['sim-1', 'sim-2', 'sim-3'];
  const add = (config: string) => runHeadwater(['device', 'add', ...names, '-c', config]);
  const { site, proxy, words } = await scene('simulate-keys', add);
  const cuts = ['--with', 'cut:every=500ms,for=100ms,share=0.5'];
  const run = await runHeadwater(
    words('--devices', '3', '--rate', '300', '--events', '600', ...cuts),
  );
  const { code, summary, complaint } = resultOf(run);
  assert.is(code, 0, complaint);
  assert.is(summary.verdict.inKafka, 600);
  const lacks = await runHeadwater(words('--devices', '4', '--events', '4'));
  assert.is(lacks.code, 2);
  assert.match(
    lacks.complaint,
    /devices\.keys: no key of sim-4, .*: headwater device add sim-4 -c /,
  );
  await proxy.stop();
  await site.remove();
});

test('devices that flood a proxy that is away end, too', async () => {
  const words = [
    'simulate',
    '--proxy',
    '127.0.0.1:1',
    '--trace',
    'motes',
    '--rate',
    'max',
    '--json',
  ];
  const { code, summary } = resultOf(
    await runHeadwater([...words, '--no-proof', '--patience', '500ms']),
  );
  assert.is(code, 1);
  assert.is(summary.endedBy, 'stalled');
  assert.match(summary.unfinished[0] ?? '', /room on the devices: nothing moved for 0\.5 s/);
});

test('what a person can mend is one message: topics that are missing, a Kafka that is away', async () => {
  const bootstrap = await sharedBroker();
  const way = ['simulate', '--proxy', '127.0.0.1:1', '--prefix', 'nowhere.', '--brokers'];
  const missing = await runHeadwater([...way, bootstrap]);
  assert.is(missing.code, 2);
  assert.match(missing.complaint, /no topic nowhere\.simulated .*\n.*--create-topics/);
  const away = await runHeadwater([...way, '127.0.0.1:1']);
  assert.is(away.code, 1);
  assert.match(away.complaint, /Kafka at 127\.0\.0\.1:1 can't be read: .*--no-proof/);
});

test.run();
