// The whole path on real parts: firmware in QuickJS, a cable that is pulled, the built proxy as a process
// that is killed, Apache Kafka, and its own Java client as the judge.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { books, judge } from '../site/judge.js';
import { type Mote, startMote } from '../site/mote.js';
import { type Reading, readMotes } from '../site/motes.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { openRelay } from '../site/relay.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('the whole path');
let code = '';
let readings: Map<string, Reading[]>;

test.before(async () => {
  const file = join(projectFolder, 'examples/sensor-firmware/firmware.ts');
  code = (await buildFirmware({ entry: { file }, target: 'quickjs', minify: true })).code;
  readings = await readMotes();
});

/** `count` readings each of the four motes, `everyMs`. */
async function startMotes(port: number, count: number, everyMs: number): Promise<Mote[]> {
  const motes: Mote[] = [];
  for (const [device, all] of readings) {
    motes.push(
      await startMote({
        ...{ device, code, port, everyMs, readings: all.slice(0, count) },
        onError(error) {
          throw error;
        },
      }),
    );
  }
  return motes;
}

test('nothing is lost or doubled while the link is pulled and the proxy killed', async () => {
  const bootstrap = await sharedBroker();
  const site = await makeSite({ bootstrap, label: 'path' });
  await createTopics(bootstrap, [`${site.prefix}climate`]);
  let proxy: ProxyProcess | null = await startProxy(site.config);
  const relay = await openRelay(() => proxy?.tcpPort ?? null);
  const motes = await startMotes(relay.port, 600, 5);
  const sent = (count: number) => until(() => motes.every((mote) => mote.sent.size >= count));
  await sent(100);
  relay.pull();
  await sent(200);
  relay.plug();
  await sent(300);
  await proxy.kill();
  proxy = null;
  await sent(400);
  proxy = await startProxy(site.config);
  assert.equal(await Promise.all(motes.map((mote) => mote.asleep)), [true, true, true, true]);
  assert.is(await proxy.stop(), 0);
  const { received, committed, buffered, balanced } = books(proxy);
  assert.equal(
    { received, committed, buffered, balanced },
    { received: 2_400, committed: 2_400, buffered: 0, balanced: true },
  );
  await judge(bootstrap, `${site.prefix}climate`, motes);
  for (const mote of motes) mote.stop();
  await relay.close();
  await site.remove();
});

test.run();
