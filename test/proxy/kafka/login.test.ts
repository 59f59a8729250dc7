// What a client is opened with: files as they are at that moment, and what was read before where they are wrong for a while.

import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../../proxy/config-file.js';
import { checkLogin, type LoginSettings, openSecurity } from '../../../proxy/kafka/login.js';
import { makeAuthority, writePair } from '../../site/certificates.js';

const test = suite('logins from files');
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-login-'));
});

test.after(() => rm(folder, { recursive: true, force: true }));

const settings = (more: Partial<LoginSettings>): LoginSettings => ({
  ...{ ssl: undefined, sasl: undefined },
  ...more,
});

test('without both there is nothing to say', () => {
  assert.equal(openSecurity(settings({}))(), {});
  assert.equal(checkLogin(settings({}), Date.now()), []);
});

test('a password that was changed is the next one; one that can not be read is the one before, and said', async () => {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, 'rain\n', { mode: 0o600 });
  const said: string[] = [];
  const sasl = { mechanism: 'plain', username: 'me', passwordFile } as const;
  const security = openSecurity(settings({ sasl }), (text) => said.push(text));
  const word = () => {
    const login = security().sasl;
    return login?.mechanism === 'plain' ? login.password : '';
  };
  assert.is(word(), 'rain');
  await writeFile(passwordFile, 'more rain');
  assert.is(word(), 'more rain');
  await unlink(passwordFile);
  assert.is(word(), 'more rain');
  assert.equal(said, [
    `kafka.sasl.passwordFile: ${passwordFile}: there is no such file; what it was before is used on`,
  ]);
  assert.throws(
    openSecurity(settings({ sasl }), () => {}),
    (error: unknown) => error instanceof ConfigError,
  );
});

test('certificates that are renewed are the next ones', async () => {
  const authority = await makeAuthority();
  const first = await authority.sign('press-hall');
  const files = await writePair(folder, 'me', first);
  const security = openSecurity(settings({ ssl: { ...files, serverName: 'kafka.example' } }));
  assert.equal(security().ssl, {
    ...{ cert: first.cert.trim(), key: first.key.trim(), servername: 'kafka.example' },
  });
  const second = await authority.sign('press-hall');
  await writePair(folder, 'me', second);
  assert.is(security().ssl?.cert, second.cert.trim());
});

test('what can be read on its way is remarked on; a token that nobody has written yet is waited for', () => {
  const plain = { mechanism: 'plain', username: 'me', password: 'rain' } as const;
  const open = checkLogin(settings({ sasl: plain }), Date.now());
  assert.equal(open, [
    'kafka.sasl.mechanism is plain without kafka.ssl: the password can be read on its way',
  ]);
  assert.equal(checkLogin(settings({ ssl: {}, sasl: plain }), Date.now()), []);
  const tokenFile = join(folder, 'nobody', 'token');
  const byFile = { mechanism: 'oauthbearer', tokenFile } as const;
  assert.equal(checkLogin(settings({ ssl: {}, sasl: byFile }), Date.now()), []);
  const endpoint = { tokenEndpoint: 'http://id.example/token', clientId: 'me' };
  const byEndpoint = { mechanism: 'oauthbearer', ...endpoint, clientSecret: 'rain' } as const;
  const [remark = ''] = checkLogin(settings({ ssl: {}, sasl: byEndpoint }), Date.now());
  assert.match(remark, 'kafka.sasl.tokenEndpoint is http');
});

test.run();
