import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { busWireOf } from '../site/bus-wire.js';
import { startGateway } from '../site/gateway-process.js';
import { countInJournal, LineScene, passes } from '../site/line-scene.js';
import { startProxy } from '../site/proxy-process.js';
import type { Pty } from '../site/pty.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite } from '../site/site.js';

// A bus on a real pseudo-terminal, firmware in QuickJS on its drops, the built proxy or gateway as its master.

const test = suite('a bus on a terminal');
const scene = new LineScene();
test.after.each(() => scene.end());

const bus = { drops: [7, 200], scan: { from: 1, to: 16 }, scanEveryMs: 50, answerTimeoutMs: 200 };

async function siteOf(label: string, serial?: unknown[]) {
  const listen = {
    tcp: { host: '127.0.0.1', port: 0, auth: 'none' },
    ...(serial ? { serial } : {}),
  };
  const site = await makeSite({ bootstrap: null, label, overrides: { listen } });
  scene.add(site, (site) => site.remove());
  const proxy = scene.add(await startProxy(site.config), (proxy) => proxy.kill());
  return { site, proxy };
}

/** Two that are known, and one that the scan must find. */
async function sensorsOn(pty: Pty): Promise<Sensor[]> {
  const wire = busWireOf(pty);
  const sensors: Sensor[] = [];
  for (const address of [7, 200, 11]) {
    const device = `drop-${address}`;
    const sensor = await startSensor({ port: wire.drop(), device, everyMs: 20, address });
    sensors.push(scene.add(sensor, (sensor) => sensor.stop()));
  }
  return sensors;
}

test('three drops on a line of the proxy, which is killed', async () => {
  const { pty } = await scene.line();
  const { site, proxy } = await siteOf('bus', [{ path: pty.path, bus, auth: 'none' }]);
  const sensors = await sensorsOn(pty);
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  await proxy.kill();
  scene.add(await startProxy(site.config), (proxy) => proxy.kill());
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  await countInJournal(site.config, ...sensors);
});

test('three drops behind a gateway, which is killed', async () => {
  const { pty } = await scene.line();
  const { site, proxy } = await siteOf('bus-bridged');
  const begin = async () => {
    const gateway = await startGateway(site.folder, {
      proxy: { host: '127.0.0.1', port: proxy.tcpPort },
      lines: [{ path: pty.path, bus }],
      limits: { retryBackoffMs: 50 },
    });
    return scene.add(gateway, (gateway) => gateway.kill());
  };
  const gateway = await begin();
  const sensors = await sensorsOn(pty);
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  assert.is(await proxy.metric('headwater_connections'), 1);
  assert.is(await proxy.metric('headwater_devices_connected'), 3);
  await gateway.kill();
  await begin();
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  await countInJournal(site.config, ...sensors);
});

test.run();
