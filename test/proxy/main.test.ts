// `headwater proxy` as a person meets it: a start that can't be, help, and the end. What a person can mend
// is one line without a stack, exit code 2 for the configuration and 1 otherwise, and nothing is damaged.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { projectFolder } from '../kafka/jars.js';
import { books } from '../site/judge.js';
import { type Ended, type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('headwater proxy');
let site: Site;
const proxies: ProxyProcess[] = [];
const sensors: Sensor[] = [];

test.before.each(async () => {
  site = await makeSite({ bootstrap: null, label: 'main' });
});
test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill()));
  await site.remove();
});

async function start(...flags: string[]): Promise<ProxyProcess> {
  const proxy = await startProxy(site.config, flags);
  proxies.push(proxy);
  return proxy;
}

async function sense(proxy: ProxyProcess): Promise<Sensor> {
  const sensor = await startSensor({ port: proxy.tcpPort });
  sensors.push(sensor);
  return sensor;
}

const run = (...words: string[]) => runHeadwater(['proxy', '--config', site.config, ...words]);

/** Nothing but these lines, for a person. */
function complains(ended: Ended, code: number, ...lines: RegExp[]): void {
  assert.is(ended.code, code, ended.complaint + ended.output);
  const said = ended.complaint.trim().split('\n');
  assert.is(said.length, lines.length, ended.complaint);
  for (const [at, line] of lines.entries()) assert.match(said[at] ?? '', line);
  assert.not.match(ended.complaint + ended.output, /\n {4}at /);
}

async function occupied(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

test('a secret is no argument, and a site.yaml that has one is its owner’s alone', async () => {
  const { code, complaint } = await run('--set', 'kafka.sasl.password=hunter2');
  assert.is(code, 2);
  assert.match(complaint, /^headwater: --set kafka\.sasl\.password: .*passwordFile/);
  assert.not.match(complaint, /hunter2/);
  const whole = await readFile(site.config, 'utf8');
  const sasl = { mechanism: 'scram-sha-512', username: 'me', password: 'hunter2' };
  const kafka = { brokers: ['127.0.0.1:1'], sasl };
  const path = join(site.folder, 'secret.yaml');
  await writeFile(path, stringify({ ...parse(whole), kafka }));
  const remarks = async () => {
    const proxy = await startProxy(path, ['--set', 'http.port=0']);
    proxies.push(proxy);
    const said = proxy.said().filter((line) => line.includes('secret.yaml'));
    await proxy.kill();
    return said;
  };
  await chmod(path, 0o644);
  const [remark = ''] = await remarks();
  assert.match(remark, /^kafka\.sasl\.password: .*secret\.yaml: .*chmod 600/);
  await chmod(path, 0o600);
  assert.equal(await remarks(), []);
});

test('a port that is in use: which one, and the key to change', async () => {
  const { server, port } = await occupied();
  for (const [key, name] of [
    ['listen.tcp.port', 'listen\\.tcp'],
    ['http.port', 'http'],
  ] as const) {
    complains(
      await run('--set', `${key}=${port}`),
      1,
      new RegExp(
        `^headwater: ${name}: can't listen on 127\\.0\\.0\\.1, port ${port}: another process ` +
          `listens there; set ${name}\\.port or ${name}\\.host$`,
      ),
    );
  }
  server.close();
  // The journal that was opened before is whole, and free.
  const proxy = await start();
  assert.is(await proxy.stop(), 0);
});

test('a journal folder that can not be written', async () => {
  const file = join(site.folder, 'file');
  await writeFile(file, 'not a folder');
  complains(
    await run('--set', `journal.folder=${file}/journal`),
    1,
    /^headwater: .*\/file\/journal: the journal can't be opened \(.*\); give the proxy a folder/,
  );
});

test("files that are no journal's are left alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-foreign-'));
  await writeFile(join(folder, 'precious.txt'), 'data');
  complains(
    await run('--set', `journal.folder=${folder}`),
    1,
    /holds files that are no journal's \(precious\.txt\); move them away or name another folder$/,
  );
  assert.equal(await readdir(folder), ['precious.txt']);
  await rm(folder, { recursive: true });
});

test('a second proxy on the journal is refused; the first goes on acknowledging', async () => {
  const first = await start();
  const sensor = await sense(first);
  await until(() => sensor.acknowledged() > 0);
  complains(
    await run(),
    1,
    /^headwater: .* is in use by another headwater; stop that one, or give/,
  );
  const before = sensor.acknowledged();
  await until(() => sensor.acknowledged() > before);
  assert.ok(await sensor.finish());
  assert.is(await first.stop(), 0);
  assert.equal(first.said(), []);
  assert.is(books(first).received, sensor.sent.size);
});

test('mistakes in the configuration: each with line, key and what was expected', async () => {
  await writeFile(
    site.config,
    'site: hall 7\njournal:\n  folder: ./journal\n  bytesMax: a lot\nkafka:\n  broker: x\n',
  );
  complains(
    await run('--set', 'http.prot=1', '--set', 'log.level=loud'),
    2,
    /site\.yaml:1: site: expected a name of letters, digits, \. _ -, found "hall 7"$/,
    /site\.yaml:4: journal\.bytesMax: expected a size: bytes, 64 MiB, 10 GB, found "a lot"$/,
    /site\.yaml:5: kafka\.brokers: expected a list, it is missing$/,
    /site\.yaml:6: kafka\.broker: there is no such key/,
    /site\.yaml \(overridden\): http\.prot: there is no such key/,
    /site\.yaml \(overridden\): log\.level: expected debug or info or warn or error, found "loud"$/,
  );
  await writeFile(site.config, 'site: [hall\n');
  complains(await run(), 2, /^headwater: .*site\.yaml:\d: /);
  assert.equal(await readdir(site.folder), ['site.yaml'], 'nothing was made');
});

test('a Kafka client that this Node is too old for: one line, and what to do', async () => {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 22) return console.log('skipped: this Node is new enough for @platformatic/kafka');
  const withKafka = await makeSite({ bootstrap: '127.0.0.1:1', label: 'main' });
  const flags = ['--set', 'kafka.client=platformatic'];
  complains(
    await runHeadwater(['proxy', '--config', withKafka.config, ...flags]),
    2,
    /site\.yaml: kafka\.client is platformatic, which needs Node 22\.22 or newer, and this is [\d.]+: run the proxy on a newer Node, or leave kafka\.client at kafkajs$/,
  );
  assert.equal(await readdir(withKafka.folder), ['site.yaml'], 'nothing was made');
  await withKafka.remove();
});

test('a compression that this Node has not: one line, and what to do', async () => {
  if ('zstdCompress' in (await import('node:zlib'))) {
    return console.log('skipped: this Node has zstd');
  }
  const kafka = { brokers: ['127.0.0.1:1'], topics: { compression: { 'hall.climate': 'zstd' } } };
  const overrides = { kafka };
  const withKafka = await makeSite({ bootstrap: null, label: 'main', overrides });
  complains(
    await runHeadwater(['proxy', '--config', withKafka.config]),
    2,
    /site\.yaml: kafka\.topics\.compression\.hall\.climate is zstd, which needs Node 22\.15 or newer, and this is [\d.]+: run the proxy on a newer Node, or choose lz4$/,
  );
  assert.equal(await readdir(withKafka.folder), ['site.yaml'], 'nothing was made');
  await withKafka.remove();
});

test('overrides that name no key, or no value, or no file', async () => {
  complains(
    await run('--set', 'site.name=x'),
    2,
    /\(overridden\): site\.name: there is no such key/,
  );
  complains(await run('--set', 'novalue'), 2, /--set novalue: expected key=value/, /--help/);
  const nowhere = join(site.folder, 'nowhere.yaml');
  complains(
    await runHeadwater(['proxy', '--config', nowhere]),
    2,
    /nowhere\.yaml: there is no such file; examples\/site\.yaml shows one$/,
  );
});

test('values from outside take the form that their key wants', async () => {
  const secret = { HEADWATER_KAFKA_SASL_PASSWORD: '12345', HEADWATER_KAFKA_BROKERS: '[::1]:x' };
  const sasl = ['--set', 'kafka.sasl.mechanism=plain', '--set', 'kafka.sasl.username=7'];
  const more = ['--set', 'kafka.ssl=true', '--set', 'journal.bytesMax=64000000'];
  const words = ['proxy', '--config', site.config, ...sasl, ...more];
  const ended = await runHeadwater(words, secret);
  // The brokers alone are wrong: the password may look like a number, and ssl is a boolean.
  complains(ended, 2, /\(overridden\): kafka\.brokers\.0: expected host:port, found "\[::1\]:x"$/);
});

test('a password is never printed', async () => {
  await writeFile(
    site.config,
    'site: hall\njournal: { folder: j }\nkafka:\n  brokers: [a:1]\n  sasl:\n    mechanism: plain\n' +
      '    username: me\n    password: 998877\n',
  );
  const ended = await run();
  complains(ended, 2, /site\.yaml:8: kafka\.sasl\.password: expected a string/);
  assert.not.match(ended.complaint, /998877/);
});

test('the help of every verb says what it is for and what it takes', async () => {
  for (const [verb, ...words] of [
    ['build', 'firmware', '--target', '--out', '--json'],
    ['proxy', 'journal', 'Kafka', '--config', '--set', '--json', 'SIGTERM', 'received ='],
    ['tail', 'journal', '--config', '--no-follow', '--json'],
  ] as const) {
    const { code, output, complaint } = await runHeadwater([verb, '--help']);
    assert.is(code, 0);
    assert.is(complaint, '');
    for (const word of words) assert.ok(output.includes(word), `${verb} --help: ${word}`);
  }
});

test('a group of verbs without a verb, or with one that there is not: its help on standard error, and 2', async () => {
  for (const words of [[], ['journal'], ['dlq'], ['journal', 'mend'], ['dlq', '--json']]) {
    const { code, output, complaint } = await runHeadwater(words);
    assert.is(code, 2, words.join(' '));
    assert.is(output, '');
    assert.match(complaint, /Usage: headwater|headwater --help explains/);
  }
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: takes nothing more, prints books that balance, ends with 0`, async () => {
    const proxy = await start();
    const sensor = await sense(proxy);
    await until(() => sensor.acknowledged() > 20);
    proxy.signal(signal);
    assert.is(await proxy.end(), 0);
    const { received, committed, buffered, balanced } = books(proxy);
    assert.ok(balanced);
    assert.ok(received >= sensor.acknowledged(), 'what was acknowledged was received');
    assert.equal([committed, buffered], [0, received]);
    assert.equal(proxy.said(), []);
  });
}

test('a journal that is gone from under the proxy: a signal ends it all the same, with one line', async () => {
  const proxy = await start();
  const sensor = await sense(proxy);
  await until(() => sensor.acknowledged() > 10);
  for (const name of await readdir(join(site.folder, 'journal'))) {
    if (name.endsWith('.segment')) await rm(join(site.folder, 'journal', name));
  }
  proxy.signal('SIGTERM');
  assert.is(await proxy.end(), 1);
  assert.is(proxy.said().length, 1, proxy.said().join('\n'));
});

test('a second signal ends a drain at once, with 0, and the journal has everything', async () => {
  const kafka = 'kafka.brokers=127.0.0.1:1';
  const slow = ['--set', kafka, '--set', 'limits.drainTimeoutMs=600000'];
  for (const [first, second] of [
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ] as const) {
    const proxy = await start(...slow);
    const sensor = await sense(proxy);
    await until(() => sensor.acknowledged() > 10);
    proxy.signal(first);
    await until(() => proxy.log.some(({ msg }) => `${msg}`.includes('stopping')));
    proxy.signal(second);
    assert.is(await proxy.end(), 0);
    const again = await start();
    const received = (await again.metric('headwater_events_received_total')) ?? 0;
    assert.ok(received >= sensor.acknowledged());
    assert.is(await again.stop(), 0);
  }
});

test('on a terminal the books are a sentence', async () => {
  // `exec`, since dash would stay in between, get the same signal and end with 130.
  const command = `exec ${process.execPath} ${join(projectFolder, 'dist/headwater.js')}`;
  const words = ['-qec', `${command} proxy --config ${site.config}`, '/dev/null'];
  const child = spawn('script', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    const before = output;
    output += chunk;
    // Ctrl-C: the terminal makes a signal of it.
    if (output.includes('listening') && !before.includes('listening')) child.stdin.write('\x03');
  });
  const [code] = await once(child, 'close');
  assert.is(code, 0, output);
  assert.match(
    output,
    /received 0 = committed 0 \+ buffered 0 \+ rejected 0 \+ dropped 0: the books balance/,
  );
});

test.run();
