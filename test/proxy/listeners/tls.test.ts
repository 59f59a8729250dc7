import { once } from 'node:events';
import { mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../../proxy/config-file.js';
import type { Channel, PortListener } from '../../../proxy/listeners/channel.js';
import { listenTls, type TlsOptions } from '../../../proxy/listeners/tls.js';
import {
  type Authority,
  makeAuthority,
  type Pair,
  writeByRename,
  writePair,
} from '../../site/certificates.js';
import { until } from '../../site/until.js';
import { addressesOf } from '../limits/addresses-of.js';
import { TestClock } from '../talk.js';

const test = suite('the TLS listener');
let folder = '';
let authority: Authority;
let ofDevice: Pair;
let clientCa = '';
let listener: PortListener | null = null;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-listener-'));
  authority = await makeAuthority();
  ofDevice = await authority.sign('press-07');
  clientCa = join(folder, 'devices.pem');
  await writeFile(clientCa, authority.pem);
});

test.after.each(async () => {
  await listener?.close();
  listener = null;
});

test.after(() => rm(folder, { recursive: true, force: true }));

async function open(more: Partial<TlsOptions> = {}) {
  const files = await writePair(folder, 'proxy', await authority.sign('proxy'));
  const counted: { kind: string; detail: Record<string, string | number> }[] = [];
  const channels: Channel[] = [];
  const received: string[] = [];
  const lines: string[] = [];
  let closed = 0;
  const say = (_fields: object, text: string) => lines.push(text);
  const clock = new TestClock();
  clock.wallMs = Date.now();
  listener = await listenTls({
    ...{
      host: '127.0.0.1',
      port: 0,
      auth: 'certificate',
      addresses: addressesOf(100, clock),
      clock,
    },
    ...{ ...files, clientCa, handshakeTimeoutMs: 60_000 },
    log: { debug: say, info: say, warn: say, error: say },
    outcomes: {
      count: (kind, detail = {}) => counted.push({ kind, detail }),
      counts: () => new Map(),
    },
    accept(channel) {
      channels.push(channel);
      return {
        received: (bytes) => received.push(Buffer.from(bytes).toString()),
        closed: () => closed++,
      };
    },
    ...more,
  });
  const { port } = listener;
  const kinds = () => counted.map(({ kind }) => kind);
  return { port, files, clock, counted, kinds, channels, received, lines, closed: () => closed };
}

function dial(port: number, more: ConnectionOptions = {}): TLSSocket {
  const { cert, key } = ofDevice;
  const socket = connect({ ...{ port, host: '127.0.0.1', ca: authority.pem, cert, key }, ...more });
  socket.on('error', () => {});
  return socket;
}

async function dialled(port: number, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = dial(port, more);
  await once(socket, 'secureConnect');
  return socket;
}

/** Whatever else happens to it before. */
const ended = (socket: Socket) => new Promise<unknown>((resolve) => socket.once('close', resolve));

test('bytes go both ways, and the certificate says who it is', async () => {
  const site = await open();
  const socket = await dialled(site.port);
  socket.write('hello');
  await until(() => site.received.join('') === 'hello');
  const [channel] = site.channels;
  assert.match(channel?.name ?? '', /^tls 127\.0\.0\.1:\d+$/);
  assert.equal(
    [channel?.kind, channel?.auth, channel?.certificateName],
    ['connection', 'certificate', 'press-07'],
  );
  channel?.send(Buffer.from('welcome'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.is(answer.toString(), 'welcome');
  assert.is(listener?.channels, 1);
  socket.end();
  await until(() => site.closed() === 1);
  await until(() => listener?.channels === 0);
});

test('two names in one certificate are nobody', async () => {
  const site = await open();
  await dialled(site.port, await authority.sign(['press-07', 'press-08']));
  await until(() => site.channels.length === 1);
  assert.is(site.channels[0]?.certificateName, undefined);
});

test('no certificate, one of another authority, one that has expired: counted and closed', async () => {
  const site = await open();
  const strangers: [ConnectionOptions, RegExp][] = [
    [{ cert: undefined, key: undefined }, /did not return a certificate/],
    [await (await makeAuthority('Another')).sign('press-07'), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    [await authority.sign('press-07', { validToMs: Date.now() - 60_000 }), /CERT_HAS_EXPIRED/],
  ];
  for (const [at, [options, why]] of strangers.entries()) {
    const socket = dial(site.port, options as ConnectionOptions);
    await ended(socket);
    await until(() => site.counted.length === at + 1);
    const { kind, detail } = site.counted[at]!;
    assert.is(kind, 'tls-handshake');
    assert.match(`${detail.why}`, why);
    assert.match(`${detail.channel}`, /^tls 127\.0\.0\.1:\d+$/);
  }
  assert.is(site.channels.length, 0);
});

test('without a clientCa nobody is asked for a certificate', async () => {
  const site = await open({ clientCa: undefined, auth: 'keys' });
  await dialled(site.port, { cert: undefined, key: undefined } as never);
  await until(() => site.channels.length === 1);
  assert.is(site.channels[0]?.certificateName, undefined);
  assert.is(site.channels[0]?.auth, 'keys');
});

test('TLS 1.1 and bytes that are no TLS are counted and closed', async () => {
  const site = await open();
  const old = {
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  } as const;
  await ended(dial(site.port, old));
  const plain = connectTcp(site.port, '127.0.0.1');
  plain.on('error', () => {});
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await ended(plain.resume());
  await until(() => site.counted.length === 2);
  assert.equal(site.kinds(), ['tls-handshake', 'tls-handshake']);
  assert.is(site.counted[0]?.detail.why, 'unsupported protocol');
  assert.is(site.counted[1]?.detail.why, 'http request');
});

test('a handshake that does not come to its end counts as a connection, and is closed in time', async () => {
  const site = await open({ addresses: addressesOf(1, new TestClock()), handshakeTimeoutMs: 300 });
  const silent = connectTcp(site.port, '127.0.0.1');
  silent.on('error', () => {});
  await until(() => listener?.channels === 1);
  await ended(dial(site.port));
  assert.equal(site.kinds(), ['connections-max']);
  await ended(silent.resume());
  await until(() => site.counted.length === 2);
  assert.is(site.counted[1]?.kind, 'tls-handshake');
  assert.is(site.counted[1]?.detail.why, 'ERR_TLS_HANDSHAKE_TIMEOUT');
  assert.match(`${site.counted[1]?.detail.channel}`, /^tls 127\.0\.0\.1:\d+$/);
  await dialled(site.port);
  await until(() => site.channels.length === 1);
});

test('one whose device is known no longer counts as one on which nobody is', async () => {
  const clock = new TestClock();
  const addresses = addressesOf(100, clock, { unprovenMax: 1 });
  const site = await open({ addresses });
  await dialled(site.port);
  await until(() => site.channels.length === 1);
  await ended(dial(site.port));
  assert.equal(site.kinds(), ['unproven-max']);
  site.channels[0]?.seat?.prove();
  await dialled(site.port);
  await until(() => site.channels.length === 2);
  assert.equal(site.kinds(), ['unproven-max']);
});

const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;

test('a renewed certificate is taken up: new handshakes see it, live connections stay', async () => {
  const site = await open();
  const before = await dialled(site.port);
  await until(() => site.channels.length === 1);
  await writePair(folder, 'proxy', await authority.sign('proxy'));
  site.clock.advance(2_000);
  const after = await dialled(site.port);
  assert.is.not(serialOf(after), serialOf(before));
  before.write('still here');
  await until(() => site.received.join('') === 'still here');
  assert.match(site.lines.join('\n'), /^listen\.tls: renewed: CN=proxy, valid to .*GMT$/);
  // Nothing has changed: nothing is said.
  site.clock.advance(2_000);
  site.clock.advance(2_000);
  assert.is(site.lines.length, 1);
});

test('half a pair: the old one is used on, one line says so, and the other half ends it', async () => {
  const site = await open();
  const before = serialOf(await dialled(site.port));
  const { cert, key } = await authority.sign('proxy');
  await writeByRename(site.files.certificate, cert);
  site.clock.advance(2_000);
  // The other half may be on its way.
  assert.equal(site.lines, []);
  for (let look = 0; look < 3; look++) site.clock.advance(2_000);
  assert.is(site.lines.length, 1);
  assert.match(
    site.lines[0] ?? '',
    /^listen\.tls\.key: .* is not the key of .*; listen\.tls goes on/,
  );
  assert.is(serialOf(await dialled(site.port)), before);
  await writeFile(`${site.files.key}.half`, key.slice(0, 40));
  await rename(`${site.files.key}.half`, site.files.key);
  for (let look = 0; look < 3; look++) site.clock.advance(2_000);
  assert.match(site.lines[1] ?? '', 'holds no private key');
  await unlink(site.files.key);
  for (let look = 0; look < 3; look++) site.clock.advance(2_000);
  assert.match(site.lines[2] ?? '', 'there is no such file');
  await writeFile(site.files.key, key, { mode: 0o600 });
  site.clock.advance(2_000);
  assert.match(site.lines[3] ?? '', 'renewed');
  assert.is.not(serialOf(await dialled(site.port)), before);
  for (const line of site.lines) assert.not.match(line, key.slice(30, 60));
});

test('a certificate that expires soon is said at the start, once a day, and no more once it is renewed', async () => {
  const site = await open();
  const soon = await authority.sign('proxy', { validToMs: Date.now() + 5 * 86_400_000 });
  await writePair(folder, 'proxy', soon);
  site.clock.advance(2_000);
  assert.is(site.lines.length, 2);
  assert.match(site.lines[1] ?? '', /^listen\.tls\.certificate: .* CN=proxy expires in \d days/);
  site.clock.advance(2_000);
  assert.is(site.lines.length, 2);
  site.clock.advance(86_400_000);
  assert.is(site.lines.length, 3);
  await writePair(folder, 'proxy', await authority.sign('proxy'));
  site.clock.advance(2_000);
  site.clock.advance(86_400_000);
  assert.is(site.lines.length, 4, site.lines.join('\n'));
});

test('a session of before does not outlive the authority that signed it', async () => {
  const site = await open();
  const first = dial(site.port, { maxVersion: 'TLSv1.2' });
  await once(first, 'secureConnect');
  const session = first.getSession();
  const resumed = await dialled(site.port, { maxVersion: 'TLSv1.2', session } as never);
  assert.is(resumed.isSessionReused(), true);
  await until(() => site.channels.length === 2);
  assert.is(site.channels[1]?.certificateName, 'press-07');
  await writeByRename(clientCa, (await makeAuthority('Next')).pem);
  site.clock.advance(2_000);
  await ended(dial(site.port, { maxVersion: 'TLSv1.2', session } as never));
  await until(() => site.counted.length === 1);
  assert.is(site.kinds()[0], 'tls-handshake');
  assert.is(site.channels.length, 2);
  await writeByRename(clientCa, authority.pem);
});

test('wrong files are a mistake of the configuration; a port in use is an error of the start', async () => {
  const { port } = await open();
  const first = listener;
  await open({ key: join(folder, 'gone.key') }).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, ConfigError);
      assert.match(error.message, /^listen\.tls\.key: .*gone\.key: there is no such file$/);
    },
  );
  await open({ port }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'EADDRINUSE'),
  );
  listener = first;
});

test.run();
