import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig, readConfig } from '../../proxy/config.js';
import { ConfigError } from '../../proxy/config-file.js';
import { projectFolder } from '../kafka/jars.js';

const least = 'site: hall\njournal: { folder: ./journal }\nkeys: ./devices.keys\n';

function mistakes(text: string, set: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, 'site.yaml', set);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('the least configuration has defaults', () => {
  const config = parseConfig(least, 'site.yaml');
  assert.is(config.kafka, null);
  assert.is(config.journal.bytesMax, 1024 ** 3);
  assert.is(config.listen.tcp?.port, 4510);
  assert.is(config.http.host, '127.0.0.1');
});

test('the example is valid and says the defaults', async () => {
  const path = join(projectFolder, 'examples/site.yaml');
  const config = await readConfig(path, {}, {});
  assert.is(config.journal.folder, join(projectFolder, 'examples/journal'));
  const bare = parseConfig(
    `site: ${config.site}\njournal: { folder: x }\nlisten: { tcp: { auth: none } }\n`,
    path,
  );
  for (const key of ['listen', 'ack', 'delivery', 'http', 'limits', 'log'] as const) {
    assert.equal(config[key], bare[key], key);
  }
  assert.is(config.journal.bytesMax, bare.journal.bytesMax);
  assert.is(config.journal.keepCommittedHours, bare.journal.keepCommittedHours);
});

test('a listener without a word on `auth` asks devices for keys, and they must be somewhere', () => {
  const bare = 'site: hall\njournal: { folder: ./journal }\n';
  const expected = /^site.yaml(:\d+)?: listen\.(tcp|udp|serial\.0)\.auth: expected none \(whoever/;
  const one = mistakes(bare);
  assert.is(one.length, 1);
  assert.match(one[0]!, expected);
  const three = mistakes(
    `${bare}listen:\n  udp: { auth: keys }\n  serial: [{ path: /dev/ttyS0 }]\n`,
  );
  assert.is(three.length, 3);
  for (const mistake of three) assert.match(mistake, expected);
  assert.is(parseConfig(least, 'site.yaml').listen.tcp?.auth, 'keys');
  assert.equal(mistakes(`${bare}listen: { tcp: { auth: none } }\n`), []);
});

test('a promise is one of two, and waiting for Kafka needs one', () => {
  const modes = 'ack: kafka\ndelivery: at-least-once\n';
  const { ack, delivery } = parseConfig(
    `${least}${modes}kafka:\n  brokers: ['a:9092']\n`,
    'site.yaml',
  );
  assert.equal({ ack, delivery }, { ack: 'kafka', delivery: 'at-least-once' });
  assert.equal(mistakes(`${least}${modes}`), [
    'site.yaml:4: ack: expected journal, or a section `kafka:` whose commits it can wait for, found "kafka"',
  ]);
  assert.equal(mistakes(`${least}ack: disk\ndelivery: maybe\n`), [
    'site.yaml:4: ack: expected journal or kafka, found "disk"',
    'site.yaml:5: delivery: expected exactly-once or at-least-once, found "maybe"',
  ]);
});

test('topics have defaults under the site', () => {
  const { kafka } = parseConfig(`${least}kafka:\n  brokers: ['a:9092']\n`, 'site.yaml');
  assert.equal(kafka?.topics, {
    ...{ prefix: 'hall.', routes: {}, compression: {} },
    ...{ loss: 'hall.headwater.loss', dead: 'hall.headwater.dead' },
  });
});

test("the site's own topics are not shared: with one another, or with a stream", () => {
  const kafka = `${least}kafka:\n  brokers: ['a:9092']\n  topics:\n`;
  const other = (of: string, was: string) =>
    `expected another topic than the one of ${of}; give it one of its own, found "${was}"`;
  const positions = "the proxy's position";
  const cases: [string, string, string, string][] = [
    ['dead', 'hall.headwater.positions', positions, 'dead'],
    ['loss', 'hall.headwater.positions', positions, 'loss'],
    ['dead', 'hall.headwater.loss', 'lost events (kafka.topics.loss)', 'dead'],
    ['loss', 'hall.headwater.dead', 'dead letters (kafka.topics.dead)', 'loss'],
  ];
  for (const [key, topic, of] of cases) {
    const text = `${kafka}    ${key}: ${topic}\n`;
    assert.equal(mistakes(text), [`site.yaml:7: kafka.topics.${key}: ${other(of, topic)}`]);
  }
  assert.equal(mistakes(`${kafka}    loss: x\n    dead: x\n`), [
    `site.yaml:8: kafka.topics.dead: ${other('lost events (kafka.topics.loss)', 'x')}`,
  ]);
  assert.equal(mistakes(`${kafka}    routes:\n      climate: hall.headwater.positions\n`), [
    `site.yaml:8: kafka.topics.routes.climate: ${other(positions, 'hall.headwater.positions')}`,
  ]);
  assert.equal(mistakes(`${kafka}    dead: gone\n    loss: lost\n`), []);
});

test('batches are compressed by topic, dead letters never', () => {
  const kafka = `${least}kafka:\n  brokers: ['a:9092']\n  compression: gzip\n  topics:\n    compression:\n`;
  assert.equal(mistakes(`${kafka}      hall.climate: none\n`), []);
  assert.equal(mistakes(`${kafka}      hall.headwater.dead: none\n`), []);
  assert.equal(mistakes(`${kafka}      hall.headwater.dead: gzip\n`), [
    'site.yaml:9: kafka.topics.compression.hall.headwater.dead: expected none: dead letters are read back, and never compressed, found "gzip"',
  ]);
  assert.match(
    mistakes(`${kafka}      hall.climate: rar\n`)[0] ?? '',
    /:9: .* expected none or gzip or snappy or lz4 or zstd, found "rar"/,
  );
});

test('a certificate as a device needs the authority that signed it', () => {
  const tls = `${least}listen:\n  tls:\n    certificate: a.pem\n    key: a.key\n`;
  assert.equal(mistakes(`${tls}    auth: certificate\n`), [
    "site.yaml:5: listen.tls.clientCa: expected a file, as auth is certificate: the authority that signs devices' certificates, it is missing",
  ]);
  assert.equal(mistakes(`${tls}    auth: certificate\n    clientCa: ca.pem\n`), []);
  // Keys are the default here, too.
  const keyless = tls.replace('keys: ./devices.keys\n', '');
  assert.match(
    mistakes(keyless).join('\n'),
    /listen\.tls\.auth: expected none \(whoever reaches it/,
  );
  assert.match(mistakes(`${least}listen:\n  tls: {}\n`).join('\n'), 'listen.tls.certificate');
  const alone = `${tls}    auth: none\n  tcp: false\n`;
  assert.is(parseConfig(alone, 'site.yaml').listen.tcp, null);
  assert.equal(mistakes(`${least}listen: { tcp: false }\n`), [
    'site.yaml:4: listen.tcp: expected a section, or another listener: no device could reach it, found false',
  ]);
  const { listen } = parseConfig(`${tls}    auth: none\n`, 'site.yaml');
  assert.equal([listen.tls?.host, listen.tls?.port], ['0.0.0.0', 4513]);
});

test('Kafka is who its certificate says, by true or by files', async () => {
  const kafka = `${least}kafka:\n  brokers: ['a:9092']\n`;
  const ssl = (text: string) => parseConfig(`${kafka}  ssl: ${text}\n`, 'site.yaml').kafka?.ssl;
  assert.equal(parseConfig(kafka, 'site.yaml').kafka?.ssl, undefined);
  assert.equal(ssl('false'), undefined);
  assert.equal(ssl('true'), {});
  assert.equal(ssl('{ ca: ca.pem }'), { ca: 'ca.pem' });
  assert.equal(mistakes(`${kafka}  ssl: { certificate: a }\n`), [
    'site.yaml:6: kafka.ssl.key: expected a file, as there is a certificate, it is missing',
  ]);
  assert.equal(mistakes(`${kafka}  ssl: { cafile: a }\n`), [
    'site.yaml:6: kafka.ssl.cafile: there is no such key (a typing error, or indented wrongly?)',
  ]);
});

test('a login is by a password or by a token, each said once', () => {
  const kafka = `${least}kafka:\n  brokers: ['a:9092']\n  sasl:\n`;
  const sasl = (...lines: string[]) => kafka + lines.map((line) => `    ${line}\n`).join('');
  const plain = sasl('mechanism: plain', 'username: me');
  assert.equal(mistakes(plain), [
    'site.yaml:6: kafka.sasl.password: expected it, or passwordFile, it is missing',
  ]);
  assert.equal(mistakes(plain, { 'kafka.sasl.password': '12345' }), []);
  assert.equal(mistakes(plain, { 'kafka.sasl.passwordFile': 'p' }), []);
  assert.match(
    mistakes(`${plain}    password: a\n    passwordFile: b\n`)[0] ?? '',
    'one of password and',
  );
  const token = sasl('mechanism: oauthbearer', 'tokenEndpoint: https://id.example/token');
  assert.equal(mistakes(token), [
    'site.yaml:6: kafka.sasl.clientId: expected a name, as there is a tokenEndpoint, it is missing',
    'site.yaml:6: kafka.sasl.clientSecret: expected it, or clientSecretFile, it is missing',
  ]);
  assert.equal(mistakes(`${token}    clientId: me\n    clientSecretFile: s\n`), []);
  assert.equal(mistakes(sasl('mechanism: oauthbearer', 'tokenFile: t')), []);
  assert.match(mistakes(sasl('mechanism: oauthbearer'))[0] ?? '', 'expected it, or tokenFile');
  assert.equal(mistakes(sasl('mechanism: kerberos')), [
    'site.yaml:7: kafka.sasl.mechanism: expected plain or scram-sha-256 or scram-sha-512 or oauthbearer, found "kerberos"',
  ]);
});

test('no secret is shown, wherever it stands by mistake', () => {
  const kafka = `${least}kafka:\n  brokers: ['a:9092']\n`;
  for (const text of [
    '  sasl: 998877\n',
    '  sasl: [me, 998877]\n',
    '  sasl: { mechanism: plain, username: me, password: 998877 }\n',
    '  sasl: { mechanism: plain, username: [998877] }\n',
    '  sasl: { mechanism: plain, username: me, password: *998877 }\n',
    '  sasl: { mechanism: oauthbearer, tokenEndpoint: "https://me:998877@id.example" }\n',
    '  sasl: { mechanism: oauthbearer, tokenEndpoint: "https://id", clientId: me, clientSecret: 998877 }\n',
  ]) {
    const found = mistakes(kafka + text);
    assert.ok(found.length > 0, text);
    assert.not.match(found.join('\n'), '998877');
  }
});

test('files of a login lie beside site.yaml', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-config-'));
  const path = join(folder, 'site.yaml');
  const sasl = 'sasl: { mechanism: plain, username: me, passwordFile: secret }';
  const ssl = 'ssl: { ca: ca.pem, certificate: /etc/me.pem, key: me.key }';
  await writeFile(path, `${least}kafka:\n  brokers: ['a:9092']\n  ${sasl}\n  ${ssl}\n`);
  const { kafka } = await readConfig(path, {}, {});
  assert.equal(kafka?.ssl, {
    ...{ ca: join(folder, 'ca.pem'), certificate: '/etc/me.pem' },
    key: join(folder, 'me.key'),
  });
  const passwordFile = join(folder, 'secret');
  assert.equal(kafka?.sasl, { mechanism: 'plain', username: 'me', passwordFile });
  await rm(folder, { recursive: true });
});

test('each mistake has its line, its key and what was expected', () => {
  assert.equal(
    mistakes(
      `${least}listen:\n  tcp:\n    port: many\n    hots: x\nkafka:\n  brokers: [nowhere]\n  value: xml\n`,
    ),
    [
      'site.yaml:6: listen.tcp.port: expected a number, found "many"',
      'site.yaml:7: listen.tcp.hots: there is no such key (a typing error, or indented wrongly?)',
      'site.yaml:9: kafka.brokers.0: expected host:port, found "nowhere"',
      'site.yaml:10: kafka.value: expected json or cbor, found "xml"',
    ],
  );
});

test('what is missing is said with the line of what should hold it', () => {
  assert.equal(mistakes('site: hall\njournal: {}\n'), [
    'site.yaml:2: journal.folder: expected a string, it is missing',
  ]);
  assert.equal(mistakes(''), [
    'site.yaml: site: expected a string, it is missing',
    'site.yaml: journal: expected a section, it is missing',
  ]);
});

test('broken YAML is said with its line', () => {
  const [first = ''] = mistakes('site: hall\n  journal: [\n');
  assert.match(first, /^site\.yaml:\d: /);
});

test('aliases that would grow without measure are a line', () => {
  const laughs = ['a: &a [1, 1]'];
  for (const [one, before] of ['ba', 'cb', 'dc', 'ed']) {
    laughs.push(`${one}: &${one} [${`*${before}, `.repeat(9)}]`);
  }
  const found = mistakes(`${laughs.join('\n')}\nsite: *e\n`);
  assert.is(found.length, 1);
  assert.match(found[0]!, /^site.yaml: Excessive alias count/);
});

test('a value that holds itself, and a key that is a list, are a line each', () => {
  assert.equal(mistakes('site: &a [*a]\njournal: { folder: x }\n'), [
    'site.yaml:1: site: expected a string, found a value that holds itself',
  ]);
  assert.equal(mistakes(`${least}? [? [a]\n  : 1]\n: 1\n`).length, 1);
});

test('an alias without its anchor, and a port that is none, are lines too', () => {
  assert.equal(mistakes('site: hall\njournal: *x\n'), ['site.yaml:2: *x: there is no anchor &x']);
  assert.match(
    mistakes(`${least}kafka:\n  brokers: [a:99999]\n`).join(),
    /kafka\.brokers\.0: expected a port below 65536/,
  );
});

test('sizes are written as people write them', () => {
  const at = (text: string) =>
    parseConfig(`site: a\njournal: { folder: x, bytesMax: ${text} }\nkeys: k`, 'f').journal
      .bytesMax;
  assert.is(at('4194304'), 4_194_304);
  assert.is(at('1024 KiB'), 1_048_576);
  assert.is(at('1.5 MB'), 1_500_000);
  assert.is(at('10 GiB'), 10 * 1024 ** 3);
  assert.match(
    mistakes('site: a\njournal: { folder: x, bytesMax: lots }').join(),
    /site.yaml:2: journal.bytesMax: expected a size/,
  );
  assert.match(
    mistakes('site: a\njournal: { folder: x, bytesMax: 100 KiB }').join(),
    /site.yaml:2: journal.bytesMax: expected at least 1 MiB, found "100 KiB"/,
  );
});

test('flags lie over the environment, and that over the file', async () => {
  const path = join(projectFolder, 'examples/site.yaml');
  const environment = { HEADWATER_LISTEN_TCP_PORT: '1', HEADWATER_KAFKA_BROKERS: 'a:1,b:2' };
  const config = await readConfig(path, { 'listen.tcp.port': '2' }, environment);
  assert.is(config.listen.tcp?.port, 2);
  assert.equal(config.kafka?.brokers, ['a:1', 'b:2']);
  assert.match(
    mistakes(least, { 'listen.tcp.port': 'x' }).join(),
    /site.yaml \(overridden\): listen.tcp.port: expected a number/,
  );
});

test('a file that is not there is an error for a person', async () => {
  try {
    await readConfig('/nowhere/site.yaml');
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ConfigError);
    assert.match(String(error), /nowhere\/site.yaml: there is no such file/);
  }
});

test.run();
