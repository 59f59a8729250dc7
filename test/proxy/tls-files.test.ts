import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../proxy/config-file.js';
import { readTlsFiles, type TlsFile, type TlsFiles, tlsRemarks } from '../../proxy/tls-files.js';
import { type Authority, makeAuthority, writePair } from '../site/certificates.js';

const test = suite('certificates in files');
let folder = '';
let authority: Authority;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-tls-'));
  authority = await makeAuthority();
});

test.after(() => rm(folder, { recursive: true, force: true }));

async function filesOf(name: string, validToMs?: number): Promise<Record<keyof TlsFiles, TlsFile>> {
  const options = validToMs === undefined ? {} : { validToMs };
  const { certificate, key } = await writePair(folder, name, await authority.sign(name, options));
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.pem);
  return {
    certificate: { name: 'listen.tls.certificate', path: certificate },
    key: { name: 'listen.tls.key', path: key },
    ca: { name: 'listen.tls.clientCa', path: ca },
  };
}

function mistake(files: TlsFiles): string {
  try {
    readTlsFiles(files);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

test('a pair and an authority are read', async () => {
  const files = await filesOf('sound');
  const { cert, key, ca } = readTlsFiles(files);
  assert.match(`${cert}`, 'BEGIN CERTIFICATE');
  assert.match(`${key}`, 'PRIVATE KEY');
  assert.is(`${ca}`, authority.pem.trim());
  assert.equal(tlsRemarks(files, Date.now()), []);
  assert.equal(readTlsFiles({}), {});
});

test('each mistake is one line: the key, the file, what is wrong with it', async () => {
  const files = await filesOf('mine');
  const other = await filesOf('other');
  const { path } = files.key;
  const wrong = async (text: string) => {
    const file = join(folder, 'wrong.pem');
    await writeFile(file, text);
    return { name: 'x', path: file };
  };
  const gone = { name: 'kafka.ssl.ca', path: join(folder, 'gone.pem') };
  assert.is(mistake({ ca: gone }), `kafka.ssl.ca: ${gone.path}: there is no such file`);
  assert.is(
    mistake({ ...files, certificate: other.certificate }),
    [`listen.tls.key: ${path}: is not the key of ${other.certificate.path}`][0],
  );
  assert.match(mistake({ ca: await wrong('') }), /wrong\.pem: is empty$/);
  assert.match(mistake({ ca: files.key }), 'holds no certificate in PEM form');
  assert.match(mistake({ ...files, key: files.certificate }), 'holds no private key in PEM form');
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  assert.match(mistake({ ca: await wrong(damaged) }), 'it is damaged');
  const locked =
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n';
  assert.match(
    mistake({ ...files, key: await wrong(locked) }),
    /is encrypted, .* openssl pkey -in/,
  );
});

test('a key that others may read, and a certificate whose time is over, are remarked on', async () => {
  const files = await filesOf('over', Date.now() - 60_000);
  const [over, ...others] = tlsRemarks(files, Date.now());
  assert.match(over ?? '', /^listen\.tls\.certificate: .*over\.pem: .* CN=over has expired, .*GMT/);
  assert.equal(others, []);
  const [soon] = tlsRemarks(await filesOf('soon', Date.now() + 3.5 * 86_400_000), Date.now());
  assert.match(soon ?? '', / CN=soon expires in 3 days, .*GMT: renew it$/);
  const sound = await filesOf('early');
  assert.match(tlsRemarks(sound, Date.now() - 3 * 86_400_000)[0] ?? '', 'is not valid before');
  await chmod(sound.key.path, 0o640);
  const [open] = tlsRemarks(sound, Date.now());
  assert.match(open ?? '', /^listen\.tls\.key: .*early\.key: .* \(mode 0640\): chmod 600 /);
});

test.run();
