// A sink that has to log in, on a real broker over TLS: each mechanism of kafka.sasl, a wrong password, and a certificate that nobody knows.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SinkOptions } from '../../proxy/kafka/client-sink.js';
import type { Broker } from '../kafka/broker.js';
import { ensureJars } from '../kafka/jars.js';
import { temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { at, type Bench, failure, openBench } from './bench.js';
import type { CreateSink } from './world.js';

const run = promisify(execFile);
const username = 'headwater';
const password = 'rain-and-more-rain';
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

export function loginSuite(name: string, createSink: CreateSink): void {
  const test = suite(`${name} logs in`);
  let folder = '';
  let broker: Broker;
  let way: Server;
  let bench: Bench;
  let ca = '';

  test.before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headwater-logins-'));
    ca = await makeCertificate(folder);
    broker = await temporaryBroker(() => {}, settingsOf(folder));
    await addScramUser(broker.bootstrap);
    way = await forward(broker.detour);
    bench = openBench(broker.bootstrap, broker.detour.from, createSink);
    await createTopics(broker.bootstrap, [bench.topic], 1);
  });

  test.after(async () => {
    way?.close();
    await broker?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  const login = (mechanism: (typeof mechanisms)[number], word = password) =>
    ({
      ssl: { ca },
      sasl: { mechanism, username, password: word },
    }) satisfies Partial<SinkOptions>;

  for (const [n, mechanism] of mechanisms.entries()) {
    test(mechanism, async () => {
      const sink = await bench.started(login(mechanism));
      await sink.transaction([bench.event(mechanism)], at(n + 1));
      assert.equal((await sink.read()).position, at(n + 1));
      await sink.close();
      assert.is((await bench.committed()).at(-1), mechanism);
    });

    test(`${mechanism}, a wrong password: one line that names kafka.sasl`, async () => {
      const sink = bench.open(login(mechanism, 'drought'));
      const { kind, message } = await failure(sink.read());
      await sink.close();
      assert.is(kind, 'misconfigured', message);
      assert.match(message, /^Kafka at [\d.:]+ refuses the login \(.*\): see kafka\.sasl$/);
    });
  }

  test('a certificate that nobody knows: the line says so', async () => {
    const sink = bench.open({ ...login('plain'), ssl: true });
    const { kind, message } = await failure(sink.read());
    await sink.close();
    assert.is(kind, 'unreachable');
    assert.match(message, /can't be used now \(.*certificate.*\)/);
  });

  test.run();
}

/** Of 127.0.0.1, signed by itself: answers what a client is to trust. */
async function makeCertificate(folder: string): Promise<string> {
  const store = ['-keystore', join(folder, 'keys.p12'), '-storetype', 'PKCS12'];
  const words = [...store, '-storepass', 'changeit', '-alias', 'broker'];
  const subject = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-ext', 'bc=ca:true'];
  await run('keytool', ['-genkeypair', '-keyalg', 'RSA', '-validity', '2', ...subject, ...words]);
  const file = join(folder, 'ca.pem');
  await run('keytool', ['-exportcert', '-rfc', '-file', file, ...words]);
  return readFile(file, 'utf8');
}

function settingsOf(folder: string): Record<string, string> {
  const login = 'org.apache.kafka.common.security';
  const plain = `${login}.plain.PlainLoginModule required user_${username}="${password}";`;
  const scram = `${login}.scram.ScramLoginModule required;`;
  const prefix = 'listener.name.detour';
  return {
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,DETOUR:SASL_SSL,CONTROLLER:PLAINTEXT',
    [`${prefix}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${prefix}.plain.sasl.jaas.config`]: plain,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: scram,
    [`${prefix}.ssl.keystore.location`]: join(folder, 'keys.p12'),
    [`${prefix}.ssl.keystore.password`]: 'changeit',
    [`${prefix}.ssl.keystore.type`]: 'PKCS12',
  };
}

async function addScramUser(bootstrap: string): Promise<void> {
  const words = ['--alter', '--entity-type', 'users', '--entity-name', username];
  const command = ['kafka.admin.ConfigCommand', '--bootstrap-server', bootstrap, ...words];
  // Of one user one at a time.
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const config = `${mechanism}=[password=${password}]`;
    await run('java', ['-cp', await ensureJars(), ...command, '--add-config', config]);
  }
}

async function forward({ from, to }: Broker['detour']): Promise<Server> {
  const server = createServer((client) => {
    const far = connect(to, '127.0.0.1');
    for (const socket of [client, far]) socket.on('error', () => {});
    client.on('close', () => far.destroy());
    far.on('close', () => client.destroy());
    client.pipe(far).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(from, '127.0.0.1', resolve));
  return server;
}
