// A site as a company runs it: devices by TLS and their certificates, Kafka by TLS and a login, and exactly the rights that
// docs/OPERATIONS.md names. Certificates are renewed while it runs.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureJars, projectFolder } from '../kafka/jars.js';
import {
  allow,
  clientFiles,
  forbid,
  password,
  type SecuredBroker,
  startSecuredBroker,
} from '../kafka/secured-broker.js';
import { createTopics } from '../kafka/topics.js';
import { makeAuthority, writeByRename, writePair } from '../site/certificates.js';
import { books, judge } from '../site/judge.js';
import { startNodeDevice } from '../site/node-device.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('a secured site');
const run = promisify(execFile);
const user = 'press-hall';
let kafka: SecuredBroker;
let site: Site;
let proxy: ProxyProcess | null = null;
const stops: (() => void)[] = [];

test.before(async () => {
  kafka = await startSecuredBroker(user);
});

test.after.each(async () => {
  for (const stop of stops.splice(0)) stop();
  await proxy?.kill();
  proxy = null;
  await forbid(kafka.bootstrap, user);
  await site.remove();
});

test.after(() => kafka?.close());

const topic = (name: string) => `${site.prefix}${name}`;

async function begin(login: Record<string, unknown>, more: Record<string, unknown> = {}) {
  site = await makeSite({ bootstrap: kafka.bootstrap, label: 'secured' });
  const client = process.env.KAFKA_CLIENT ?? 'kafkajs';
  const topics = { prefix: site.prefix };
  const config = {
    site: site.name,
    listen: { tcp: { host: '127.0.0.1', port: 0, auth: 'none' } },
    http: { host: '127.0.0.1', port: 0 },
    journal: { folder: './journal', keepCommittedHours: 1 },
    kafka: { client, topics, ...login },
    ...more,
  };
  // JSON is YAML.
  await writeFile(site.config, JSON.stringify(config));
  await createTopics(kafka.bootstrap, [topic('climate')]);
}

/** The rights that the documentation names, for this site. */
async function documented(): Promise<string[][]> {
  const text = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('$acls '));
  assert.is(lines.length, 6);
  return lines.map((line) => line.replaceAll('press-hall', site.name).split(' ').slice(1));
}

/** By Kafka's own tool, as a person would. */
async function allowByTool(): Promise<void> {
  const tool = ['-cp', await ensureJars(), 'org.apache.kafka.tools.AclCommand'];
  const whom = [
    '--bootstrap-server',
    kafka.bootstrap,
    '--add',
    '--allow-principal',
    `User:${user}`,
  ];
  for (const words of await documented()) await run('java', [...tool, ...whom, ...words]);
}

async function allowAsDocumented(): Promise<void> {
  const after = (words: string[], option: string) =>
    words.filter((_, at) => words[at - 1] === `--${option}`);
  const grants = (await documented()).map((words) => {
    const resource = (['topic', 'group', 'transactional-id'] as const).find(
      (name) => after(words, name).length > 0,
    )!;
    const named = (name: string) => name.replace(/[A-Z-]/g, (one) => `_${one.replace('-', '')}`);
    const operations = after(words, 'operation').map((one) => named(one).slice(1).toUpperCase());
    return {
      resource: resource.replace('-', '_').toUpperCase() as 'TOPIC',
      name: after(words, resource)[0]!,
      operations: operations as 'READ'[],
      pattern: words.includes('prefixed'),
    };
  });
  await allow(kafka.bootstrap, user, grants);
}

const ssl = () => ({ ca: kafka.caFile });
const committed = async () => (await proxy?.metric('headwater_events_committed_total')) ?? 0;

async function byPassword() {
  const passwordFile = join(kafka.folder, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  const sasl = { mechanism: 'scram-sha-512', username: user, passwordFile };
  return { brokers: [kafka.login], ssl: ssl(), sasl };
}

test('by certificates from the device to Kafka; all of them are renewed on the way', async () => {
  const own = await makeAuthority('Press hall');
  const folder = join(kafka.folder, 'listener');
  const listener = await writePair(folder, 'proxy', await own.sign('proxy'));
  const device = await writePair(folder, 'press-07', await own.sign('press-07'));
  const clientCa = join(folder, 'ca.pem');
  await writeFile(clientCa, own.pem);
  const files = await clientFiles(kafka, user);
  const tls = { host: '127.0.0.1', port: 0, ...listener, clientCa, auth: 'certificate' };
  await begin(
    { brokers: [kafka.mutual], ssl: { ...ssl(), ...files } },
    { listen: { tcp: false, tls } },
  );
  await allowByTool();
  proxy = await startProxy(site.config);
  assert.equal(proxy.said(), []);
  const port = Number(proxy.log.find(({ msg }) => msg === 'listening')?.tlsPort);
  const mote = startNodeDevice({ device: 'press-07', port, ca: clientCa, ...device });
  stops.push(mote.stop);
  await until(() => mote.acknowledged() > 50);
  await until(async () => (await committed()) > 50);
  // The listener's certificate: the next handshake sees it, and the device's connection is not touched.
  const serial = async () => {
    const [cert, key] = [
      await readFile(device.certificate, 'utf8'),
      await readFile(device.key, 'utf8'),
    ];
    const socket = connect({ port, host: '127.0.0.1', ca: own.pem, cert, key });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await serial();
  await writePair(folder, 'proxy', await own.sign('proxy'));
  const renewed = () => proxy?.log.some(({ msg }) => `${msg}`.startsWith('listen.tls: renewed'));
  await until(() => renewed() === true);
  assert.is.not(await serial(), before);
  assert.is(await proxy.metric('headwater_devices_connected'), 1);
  // Kafka comes back and trusts another authority; the proxy's certificate is one of that by then.
  const next = await makeAuthority('Next');
  await kafka.broker.kill('SIGKILL');
  await writeByRename(kafka.trustFile, next.pem);
  await writePair(kafka.folder, user, await next.sign(user));
  kafka.broker = await kafka.broker.restart();
  const events = mote.acknowledged() + 50;
  await until(() => mote.acknowledged() > events);
  await until(async () => (await committed()) > events);
  assert.ok(await mote.finish());
  await until(async () => (await committed()) === mote.sent.size);
  // A device of another name has a certificate, and not this one's.
  const stranger = startNodeDevice({ device: 'press-08', port, ca: clientCa, ...device });
  stops.push(stranger.stop);
  const refused = () => proxy?.metric('headwater_outcomes_total', 'kind="not-its-certificate"');
  await until(async () => ((await refused()) ?? 0) > 0);
  assert.is(stranger.acknowledged(), 0);
  assert.is(await proxy.stop(), 0);
  assert.is(books(proxy).balanced, true);
  await judge(kafka.bootstrap, topic('climate'), [mote]);
});

test('a topic that its principal may not write is named, holds, and flows once it may', async () => {
  await begin(await byPassword());
  const positions = topic('headwater.positions');
  await allow(kafka.bootstrap, user, [
    {
      resource: 'TOPIC',
      name: positions,
      operations: ['CREATE', 'READ', 'WRITE', 'DESCRIBE_CONFIGS'],
    },
    {
      resource: 'TRANSACTIONAL_ID',
      name: `headwater-${site.name}-0`,
      operations: ['WRITE', 'DESCRIBE'],
    },
  ]);
  proxy = await startProxy(site.config);
  const sensor = await startSensor({ port: proxy.tcpPort });
  stops.push(sensor.stop);
  await until(() => sensor.acknowledged() > 20);
  await until(() => (proxy?.said().length ?? 0) > 0);
  const [line = ''] = proxy.said();
  assert.match(line, `topic ${topic('climate')} may not be written; allow it: kafka-acls.sh `);
  assert.is(await committed(), 0);
  await allow(kafka.bootstrap, user, [
    { resource: 'TOPIC', name: topic('climate'), operations: ['WRITE'] },
  ]);
  assert.ok(await sensor.finish());
  await until(async () => (await committed()) === sensor.sent.size);
  assert.equal(proxy.said(), [line]);
  assert.is(await proxy.stop(), 0);
  await judge(kafka.bootstrap, topic('climate'), [sensor]);
});

test('the commands beside the proxy log in as it does, with the rights that are documented', async () => {
  const { tokenEndpoint, clientSecret } = kafka.provider;
  const secretFile = join(kafka.folder, 'client-secret');
  await writeFile(secretFile, clientSecret, { mode: 0o600 });
  await begin({
    ...{ brokers: [kafka.login], ssl: ssl(), topicGraceSeconds: 0 },
    sasl: { mechanism: 'oauthbearer', tokenEndpoint, clientId: user, clientSecretFile: secretFile },
  });
  const text = await readFile(site.config, 'utf8');
  const config = JSON.parse(text);
  config.kafka.topics = { prefix: site.prefix, routes: { climate: topic('missing') } };
  const own = ['headwater.dead', 'headwater.loss', 'simulated'];
  await createTopics(kafka.bootstrap, own.map(topic));
  await allowAsDocumented();
  // Events of a topic that is missing become dead letters.
  await writeFile(site.config, JSON.stringify(config));
  proxy = await startProxy(site.config);
  const sensor = await startSensor({ port: proxy.tcpPort });
  stops.push(sensor.stop);
  await until(async () => (await committed()) > 20);
  assert.ok(await sensor.finish());
  await until(async () => (await committed()) === sensor.sent.size);
  await createTopics(kafka.bootstrap, [topic('missing')]);
  const headwater = async (...words: string[]) => {
    const { code, output, complaint } = await runHeadwater([...words, '--config', site.config]);
    assert.is(code, 0, `${words.join(' ')}: ${output}${complaint}`);
    assert.not.match(output + complaint, clientSecret);
    return output;
  };
  assert.match(await headwater('dlq', 'list', '--json'), topic('missing'));
  assert.match(await headwater('dlq', 'resend'), `${sensor.sent.size} resent, 0 stay`);
  await judge(kafka.bootstrap, topic('missing'), [sensor]);
  const span = ['--from', '2020-01-01T00:00Z', '--to', '2100-01-01T00:00Z'];
  await headwater('journal', 'resend', ...span);
  const simulated = ['--proxy', `127.0.0.1:${proxy.tcpPort}`, '--events', '200', '--devices', '5'];
  const summary = JSON.parse(await headwater('simulate', ...simulated, '--rate', '200', '--json'));
  assert.ok(summary.isSound && summary.hasProof);
  assert.is(await proxy.stop(), 0);
  assert.not.match(JSON.stringify(proxy.log), clientSecret);
  proxy = null;
  // Another journal of the same site is adopted.
  config.journal.folder = './other';
  config.kafka.sasl = (await byPassword()).sasl;
  await writeFile(site.config, JSON.stringify(config));
  const first = await runHeadwater(['proxy', '--config', site.config]);
  assert.is(first.code, 1, first.output);
  await headwater('journal', 'adopt', '--yes');
});

test.run();
