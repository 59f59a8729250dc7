// A sink that has to log in, on a real broker over TLS: each mechanism of kafka.sasl, certificates of both sides, what is refused, and exactly
// the rights that docs/OPERATIONS.md names.

import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LoginSettings, openSecurity } from '../../proxy/kafka/login.js';
import { clientCredentials } from '../../proxy/kafka/token.js';
import {
  allow,
  clientFiles,
  password,
  type SecuredBroker,
  startSecuredBroker,
} from '../kafka/secured-broker.js';
import { createTopics } from '../kafka/topics.js';
import { makeAuthority, writePair } from '../site/certificates.js';
import { at, type Bench, failure, openBench } from './bench.js';
import type { CreateSink } from './world.js';

const username = 'headwater';
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

export function loginSuite(name: string, createSink: CreateSink): void {
  const test = suite(`${name} logs in`);
  let kafka: SecuredBroker;
  let bench: Bench;
  let n = 0;

  const port = (address: string) => Number(address.split(':')[1]);

  test.before(async () => {
    kafka = await startSecuredBroker(username);
    bench = openBench(kafka.bootstrap, port(kafka.login), createSink);
    await createTopics(kafka.bootstrap, [bench.topic], 1);
    const id = `headwater-${bench.site}-0`;
    // As docs/OPERATIONS.md has it.
    await allow(kafka.bootstrap, username, [
      { resource: 'TOPIC', name: bench.topic, operations: ['WRITE'] },
      {
        resource: 'TOPIC',
        name: `${bench.site}.headwater.positions`,
        operations: ['READ', 'WRITE', 'CREATE', 'DESCRIBE_CONFIGS'],
      },
      { resource: 'TRANSACTIONAL_ID', name: id, operations: ['WRITE', 'DESCRIBE'] },
    ]);
  });

  test.after(() => kafka?.close());

  const secured = (settings: LoginSettings) => openSecurity(settings)();
  const trusting = () => ({ ca: kafka.caFile });
  const login = (mechanism: (typeof mechanisms)[number], word = password) =>
    secured({ ssl: trusting(), sasl: { mechanism, username, password: word } });
  const credentials = (clientSecret = kafka.provider.clientSecret) =>
    secured({
      ssl: trusting(),
      sasl: {
        mechanism: 'oauthbearer',
        ...{ tokenEndpoint: kafka.provider.tokenEndpoint, clientId: username, clientSecret },
      },
    });

  /** Reads, fences, commits, reads back. */
  async function delivers(security: ReturnType<typeof secured>, more = {}): Promise<void> {
    const value = `event ${++n}`;
    const sink = await bench.started({ ...security, ...more });
    await sink.transaction([bench.event(value)], at(n));
    assert.equal((await sink.read()).position, at(n));
    await sink.close();
    assert.is((await bench.committed()).at(-1), value);
  }

  async function fails(security: ReturnType<typeof secured>, more = {}) {
    const sink = bench.open({ ...security, ...more });
    const { kind, message } = await failure(sink.read());
    await sink.close();
    return { kind, message };
  }

  for (const mechanism of mechanisms) {
    test(mechanism, () => delivers(login(mechanism)));

    test(`${mechanism}, a wrong password: one line that names kafka.sasl`, async () => {
      const { kind, message } = await fails(login(mechanism, 'drought'));
      assert.is(kind, 'misconfigured', message);
      assert.match(message, /^Kafka at [\d.:]+ refuses the login \(.*\): see kafka\.sasl$/);
    });
  }

  test('oauthbearer: a token of the identity provider', () => delivers(credentials()));

  test('oauthbearer: a login is said again before Kafka ends it with its token', async () => {
    const transactions = 150;
    kafka.provider.lifeSeconds = 6;
    const { tokenEndpoint: endpoint, clientSecret, given } = kafka.provider;
    const client = { endpoint, clientId: username, clientSecret: () => clientSecret };
    const ask = clientCredentials(client);
    // A provider far away: a login takes long enough for a transaction to begin in the middle of it.
    const token = async () => {
      await sleep(400);
      return ask();
    };
    const sink = await bench.started({
      ...{ ssl: { ca: kafka.authority.pem }, sasl: { mechanism: 'oauthbearer', token } },
    });
    // The broker ends a connection that speaks on after its token.
    const first = n;
    for (let time = 0; time < transactions; time++) {
      await sink.transaction([bench.event(`event ${++n}`)], at(n));
      await sleep(50);
    }
    await sink.close();
    kafka.provider.lifeSeconds = 60;
    assert.is.not(kafka.provider.given, given + 1);
    assert.equal(
      (await bench.committed()).slice(-transactions),
      Array.from({ length: transactions }, (_, i) => `event ${first + 1 + i}`),
    );
  });

  test('oauthbearer: a token that Kafka does not take is a refused login', async () => {
    const stranger = async () => kafka.provider.token(username, { aud: 'elsewhere' });
    const { kind, message } = await fails({
      ...{ ssl: { ca: kafka.authority.pem }, sasl: { mechanism: 'oauthbearer', token: stranger } },
    });
    assert.is(kind, 'misconfigured', message);
    assert.match(
      message,
      /^Kafka at [\d.:]+ refuses the login \(.*invalid_token.*\): see kafka\.sasl$/,
    );
  });

  test('oauthbearer: a provider that is away is waited for, one that refuses us is ours to mend', async () => {
    kafka.provider.isAway = true;
    const away = await fails(credentials());
    kafka.provider.isAway = false;
    assert.is(away.kind, 'unreachable', away.message);
    assert.match(away.message, /the token endpoint http:.* gives no token \(503\)/);
    const refused = await fails(credentials('drought'));
    assert.is(refused.kind, 'misconfigured', refused.message);
    assert.match(refused.message, /gives no token \(401 invalid_client\): see clientId/);
  });

  test('mutual TLS: the certificate is who we are', async () => {
    const brokers = [kafka.mutual];
    const files = await clientFiles(kafka, username);
    await delivers(secured({ ssl: { ...trusting(), ...files }, sasl: undefined }), { brokers });
  });

  test('mutual TLS without a certificate, or with one of another authority: the line says so', async () => {
    const brokers = [kafka.mutual];
    const without = await fails(secured({ ssl: trusting(), sasl: undefined }), { brokers });
    assert.is(without.kind, 'unreachable');
    assert.match(without.message, /can't be used now \(.*certificate.*\).*kafka\.ssl/);
    const foreign = await (await makeAuthority('Another')).sign(username);
    const files = await writePair(kafka.folder, 'foreign', foreign);
    const unknown = await fails(secured({ ssl: { ...trusting(), ...files }, sasl: undefined }), {
      brokers,
    });
    assert.is(unknown.kind, 'unreachable');
    assert.match(
      unknown.message,
      /can't be used now \(TLS: [\w/ ]*certificate[\w ]*\).*kafka\.ssl/,
    );
  });

  test('a certificate that nobody knows: the line says so', async () => {
    const { kind, message } = await fails({ ...login('plain'), ssl: {} });
    assert.is(kind, 'unreachable');
    assert.match(message, /can't be used now \(.*certificate.*\).*kafka\.ssl/);
  });

  test('a broker of another name than kafka.ssl.serverName', async () => {
    const ssl = { ...trusting(), serverName: 'elsewhere.example' };
    const { message } = await fails({ ...login('plain'), ...secured({ ssl, sasl: undefined }) });
    assert.match(message, /can't be used now \(.*elsewhere\.example.*\).*kafka\.ssl/);
    const named = secured({ ssl: { ...trusting(), serverName: 'localhost' }, sasl: undefined });
    await delivers({ ...login('plain'), ...named });
  });

  test('without TLS to a broker that wants it: the line says so', async () => {
    const { message } = await fails(secured({ ssl: undefined, sasl: undefined }), {
      brokers: [kafka.mutual],
    });
    assert.match(message, /can't be used now/);
    assert.match(message, 'kafka.ssl');
  });

  test('a topic that no ACL allows is named, with the command', async () => {
    const forbidden = `${bench.site}.secret`;
    await createTopics(kafka.bootstrap, [forbidden], 1);
    const sink = await bench.started(login('scram-sha-512'));
    const error = await failure(sink.checkTopics([forbidden]));
    await sink.close();
    assert.is(error.kind, 'topic-forbidden');
    assert.is(error.topic, forbidden);
    assert.match(error.message, /kafka-acls\.sh .* --topic /);
  });

  test.run();
}
