// `headwater proxy` and the files that listen.tls and kafka.ssl name: what is wrong with them is one line before anything starts, and what is to
// be seen to is a warning.

import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeAuthority, writePair } from '../site/certificates.js';
import { runHeadwater, startProxy } from '../site/proxy-process.js';
import { makeSite, type Site } from '../site/site.js';

const test = suite('headwater proxy, its certificates');
let site: Site;

test.before.each(async () => {
  site = await makeSite({ bootstrap: null, label: 'certificates' });
});
test.after.each(() => site.remove());

async function configure(more: Record<string, unknown>): Promise<void> {
  const door = { host: '127.0.0.1', port: 0, auth: 'none' };
  const { listen = {}, ...rest } = more;
  const config = {
    ...{ site: site.name, listen: { tcp: door, ...(listen as object) }, http: { port: 0 } },
    ...{ journal: { folder: './journal' }, ...rest },
  };
  await writeFile(site.config, JSON.stringify(config));
}

async function complaint(): Promise<string> {
  const ended = await runHeadwater(['proxy', '--config', site.config]);
  assert.is(ended.code, 2, ended.complaint + ended.output);
  assert.is(ended.complaint.trim().split('\n').length, 1, ended.complaint);
  // Nothing was begun.
  assert.not.ok((await readdir(site.folder)).includes('journal'));
  return ended.complaint.trim();
}

const tls = (files: { certificate: string; key: string }) => ({
  listen: { tls: { ...files, host: '127.0.0.1', port: 0, auth: 'none' } },
});

test('a file that is missing, a key of another certificate: one line, and nothing is begun', async () => {
  const authority = await makeAuthority();
  const one = await writePair(site.folder, 'one', await authority.sign('one'));
  const two = await writePair(site.folder, 'two', await authority.sign('two'));
  await configure(tls({ certificate: 'gone.pem', key: one.key }));
  const gone = join(site.folder, 'gone.pem');
  assert.is(await complaint(), `headwater: listen.tls.certificate: ${gone}: there is no such file`);
  await configure(tls({ certificate: two.certificate, key: one.key }));
  assert.is(
    await complaint(),
    `headwater: listen.tls.key: ${one.key}: is not the key of ${two.certificate}`,
  );
  const kafka = { brokers: ['127.0.0.1:1'], ssl: { ca: 'gone.pem' } };
  await configure({ kafka });
  assert.is(await complaint(), `headwater: kafka.ssl.ca: ${gone}: there is no such file`);
  const sasl = { mechanism: 'plain', username: 'me', passwordFile: 'gone.pem' };
  await configure({ kafka: { ...kafka, ssl: true, sasl } });
  assert.is(
    await complaint(),
    `headwater: kafka.sasl.passwordFile: ${gone}: there is no such file`,
  );
});

test('an expired certificate and a key that others may use are warned of, and the proxy listens', async () => {
  const authority = await makeAuthority();
  const over = await authority.sign('over', { validToMs: Date.now() - 60_000 });
  const files = await writePair(site.folder, 'over', over);
  await chmod(files.key, 0o644);
  await configure(tls(files));
  const proxy = await startProxy(site.config);
  const said = proxy.said();
  await proxy.kill();
  assert.is(said.length, 2, said.join('\n'));
  assert.match(said[0] ?? '', /^listen\.tls\.key: .*over\.key: .*chmod 600/);
  assert.match(said[1] ?? '', /^listen\.tls\.certificate: .*over\.pem: .*CN=over has expired/);
  assert.not.match(JSON.stringify(proxy.log), over.key.split('\n')[1] ?? 'none');
});

test.run();
