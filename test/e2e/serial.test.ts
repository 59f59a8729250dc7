import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Device, deviceMaker } from '../chaos/devices.js';
import { openLedger } from '../chaos/ledger.js';
import { createTally, isClean, sentence } from '../chaos/tally.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { Random } from '../random.js';
import { type GatewayProcess, startGateway } from '../site/gateway-process.js';
import { books } from '../site/judge.js';
import { LineScene } from '../site/line-scene.js';
import { startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';

// Sixteen serial lines at once, eight of the proxy's own and eight behind a gateway, with devices in QuickJS and in Node: lines
// are pulled, garbled and swapped, the gateway is killed ten times, and the count in Kafka is exact.

const test = suite('sixteen serial lines');
const scene = new LineScene();
test.after.each(() => scene.end());

const seed = 16;
/** Ten minutes' worth for a device that sends once a second. */
const eventsOfEach = 600;
const kills = 10;

test('pulled, garbled and swapped, the gateway killed: each event is in Kafka once', async () => {
  const bootstrap = await sharedBroker();
  const lines = await Promise.all(Array.from({ length: 16 }, (_, at) => scene.line(seed + at)));
  const [own, bridged] = [lines.slice(0, 8), lines.slice(8)];
  const tcp = { host: '127.0.0.1', port: 0, auth: 'none' };
  const serial = own.map(({ pty }) => ({ path: pty.path, auth: 'none' }));
  const overrides = { listen: { tcp, serial } };
  const site = await makeSite({ bootstrap, label: 'lines', overrides });
  scene.add(site, (site) => site.remove());
  const topics = ['climate', 'alarm', 'headwater.loss'].map((name) => site.prefix + name);
  await createTopics(bootstrap, topics);
  const proxy = scene.add(await startProxy(site.config), (proxy) => proxy.kill());
  const gatewayConfig = {
    proxy: { host: '127.0.0.1', port: proxy.tcpPort },
    lines: bridged.map(({ pty }) => ({ path: pty.path })),
    limits: { retryBackoffMs: 50 },
  };
  const begin = () => startGateway(site.folder, gatewayConfig);
  let gateway: GatewayProcess = await begin();
  scene.add(0, () => gateway.kill());
  const ledger = openLedger(join(site.folder, 'sent.log'));
  const make = await deviceMaker();
  const devices: Device[] = [];
  for (const [at, { wire }] of lines.entries()) {
    const options = {
      ...{ name: `line-${at}`, connect: wire.uart, everyMs: 20, bufferBytes: 32_768, ledger },
      onError(error: Error) {
        throw error;
      },
    };
    const device = at % 2 === 0 ? await make.quickjs(options) : make.node(options);
    devices.push(scene.add(device, (device) => device.stop()));
  }
  const least = (of: (device: Device) => number) => Math.min(...devices.map(of));
  const sent = () => least(({ name }) => ledger.pages.get(name)?.taken.length ?? 0);
  const acknowledged = () => least((device) => device.stats().acknowledged);

  const random = new Random(seed);
  for (let kill = 1; kill <= kills; kill++) {
    const [one, two] = [random.below(16), random.below(16)];
    lines[random.below(16)]!.wire.spoil(0.001);
    if (one !== two) {
      const [left, right] = [lines[one]!, lines[two]!];
      [left.pty, right.pty] = [right.pty, left.pty];
      left.wire.plugInto(left.pty);
      right.wire.plugInto(right.pty);
    }
    await lines[random.below(16)]!.pty.far.cut();
    await gateway.kill();
    gateway = await begin();
    // Each gets further before the next kill, and so does their acknowledgement.
    const until_ = (eventsOfEach * kill) / kills;
    await until(() => sent() >= until_ && acknowledged() >= until_ / 2).catch((error) => {
      const far = devices.map((device) => `${device.name} ${JSON.stringify(device.stats())}`);
      const said = [...proxy.log, ...gateway.log].slice(-40).map((line) => JSON.stringify(line));
      throw new Error([`kill ${kill}: ${error.message}`, ...far, ...said].join('\n'));
    });
  }
  for (const { wire } of lines) wire.spoil(0);
  const through = await Promise.all(devices.map((device) => device.finish()));
  assert.ok(through.every(Boolean), 'not every device is through');
  const boots = new Map(devices.map((device) => [device.name, device.stats().boot]));
  assert.is(await gateway.stop(), 0);
  assert.is(await proxy.stop(), 0);
  await ledger.close();

  const tally = createTally(site.prefix);
  for (const { topic, key, headers, value } of await consume({ bootstrap, topics })) {
    tally.take({ topic, key: `${key}`, headers, value: `${value}` });
  }
  const verdict = tally.judge(ledger, boots);
  assert.ok(isClean(verdict), [sentence(verdict), ...tally.remarks].join('\n'));
  assert.ok(verdict.inKafka >= 16 * eventsOfEach * 0.9, sentence(verdict));
  const { received, committed, buffered, balanced } = books(proxy);
  assert.equal([committed, buffered, balanced], [received, 0, true]);
});

test.run();
