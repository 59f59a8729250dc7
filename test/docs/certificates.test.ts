// docs/OPERATIONS.md makes certificates with OpenSSL: run as they stand, they are what a TLS listener takes, and what a device checks.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Channel } from '../../proxy/listeners/channel.js';
import { listenTls } from '../../proxy/listeners/tls.js';
import { projectFolder } from '../kafka/jars.js';
import { addressesOf } from '../proxy/limits/addresses-of.js';
import { TestClock } from '../proxy/talk.js';
import { until } from '../site/until.js';

const test = suite('certificates as documented');
const run = promisify(execFile);
const openssl = await run('openssl', ['version']).catch(() => null);

const made = 'an authority, a proxy and a device: they know each other';
if (openssl === null) {
  console.log('skipped: certificates as documented: there is no `openssl` here');
  test.skip(made);
} else test(made, shakeHands);

async function shakeHands(): Promise<void> {
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const script = /^## Certificates for devices$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page)?.[1];
  assert.ok(script);
  const folder = await mkdtemp(join(tmpdir(), 'headwater-docs-'));
  await run('sh', ['-e', '-c', script], { cwd: folder });
  const file = (name: string) => join(folder, name);
  const read = (name: string) => readFile(file(name), 'utf8');
  const channels: Channel[] = [];
  const said: string[] = [];
  const say = (_fields: object, text: string) => said.push(text);
  const clock = new TestClock();
  clock.wallMs = Date.now();
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, auth: 'certificate', clock },
    addresses: addressesOf(10, clock),
    ...{ certificate: file('proxy.pem'), key: file('proxy.key'), clientCa: file('ca.pem') },
    ...{ handshakeTimeoutMs: 60_000, log: { debug: say, info: say, warn: say, error: say } },
    outcomes: { count: (kind) => said.push(kind), counts: () => new Map() },
    accept(channel) {
      channels.push(channel);
      return { received() {}, closed() {} };
    },
  });
  const socket = connect({
    ...{ port: listener.port, host: '127.0.0.1', servername: 'proxy.press-hall.example' },
    ...{ ca: await read('ca.pem'), cert: await read('press-07.pem') },
    key: await read('press-07.key'),
  });
  await once(socket, 'secureConnect');
  await until(() => channels.length === 1);
  assert.is(channels[0]?.certificateName, 'press-07');
  // Nobody but their owner may read the keys, and nothing has expired.
  assert.equal(said, []);
  socket.destroy();
  await listener.close();
  await rm(folder, { recursive: true });
}

test.run();
