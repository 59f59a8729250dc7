import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from '../../site/gateway-process.js';
import { countInJournal, LineScene, passes } from '../../site/line-scene.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../../site/proxy-process.js';
import { startSensor } from '../../site/sensor.js';
import { makeSite } from '../../site/site.js';
import { until } from '../../site/until.js';

// Devices with keys on a built proxy that asks for them: over TCP, and over a pseudo-terminal and a gateway, which has none.

const test = suite('a site with keys');
const scene = new LineScene();
test.after.each(() => scene.end());

async function keyedSite(label: string) {
  const listen = { tcp: { host: '127.0.0.1', port: 0 } };
  const overrides = { listen, keys: './devices.keys' };
  const site = await makeSite({ bootstrap: null, label, overrides });
  scene.add(site, (site) => site.remove());
  const device = async (...words: string[]): Promise<string> => {
    const [verb = '', ...rest] = words;
    const { code, output } = await runHeadwater(['device', verb, ...rest, '-c', site.config]);
    assert.is(code, 0, output);
    return output;
  };
  const keyOf = (output: string) => /auth\('([^']+)'\)/.exec(output)?.[1] ?? '';
  return {
    config: site.config,
    folder: site.folder,
    device,
    add: async (name: string) => keyOf(await device('add', name)),
    rotate: async (name: string) => keyOf(await device('rotate', name)),
  };
}

async function start(config: string, ...flags: string[]): Promise<ProxyProcess> {
  return scene.add(await startProxy(config, flags), (proxy) => proxy.kill());
}

async function sense(port: number, device: string, key?: string) {
  const sensor = await startSensor({ port, device, everyMs: 5, ...(key && { key }) });
  return scene.add(sensor, (sensor) => sensor.stop());
}

test('over TCP and through a gateway, with the proxy killed: each event once, in order', async () => {
  const site = await keyedSite('keyed');
  const keys = [await site.add('press-07'), await site.add('line-01')];
  const proxy = await start(site.config);
  const { pty, wire } = await scene.line();
  const gateway = await startGateway(site.folder, {
    ...{ proxy: { host: '127.0.0.1', port: proxy.tcpPort }, lines: [{ path: pty.path }] },
    limits: { retryBackoffMs: 50 },
  });
  scene.add(gateway, (gateway) => gateway.kill());
  const near = await sense(proxy.tcpPort, 'press-07', keys[0]);
  const far = await scene.sense(wire, 'line-01', { key: keys[1]! });
  await Promise.all([near, far].map((sensor) => passes(sensor, 100)));
  await proxy.kill();
  await start(site.config, '--set', `listen.tcp.port=${proxy.tcpPort}`);
  await Promise.all([near, far].map((sensor) => passes(sensor, 100)));
  await countInJournal(site.config, near, far);
});

test('no key and a wrong one get nowhere; a revoked one is out, a rotated one goes on', async () => {
  const site = await keyedSite('revoked');
  const [kept = '', gone = ''] = [await site.add('kept'), await site.add('gone')];
  const proxy = await start(site.config);
  const wrong = await sense(proxy.tcpPort, 'kept', gone);
  const without = await sense(proxy.tcpPort, 'kept');
  await until(
    async () => ((await proxy.metric('headwater_outcomes_total', 'proof-wrong')) ?? 0) > 1,
  );
  await until(() => without.buffered() > 50);
  assert.is(wrong.acknowledged() + without.acknowledged(), 0);
  assert.is(await proxy.metric('headwater_devices_connected'), 0);
  for (const sensor of [wrong, without]) sensor.stop();

  const one = await sense(proxy.tcpPort, 'kept', kept);
  const other = await sense(proxy.tcpPort, 'gone', gone);
  await Promise.all([one, other].map((sensor) => passes(sensor, 20)));
  await site.device('revoke', 'gone');
  await until(async () => (await proxy.metric('headwater_outcomes_total', 'revoked')) === 1);
  assert.is(await proxy.metric('headwater_devices_connected'), 1);
  const before = other.acknowledged();
  await site.rotate('kept');
  await passes(one, 50);
  assert.is(other.acknowledged(), before);
  const { log } = proxy;
  for (const key of [kept, gone]) assert.not.ok(JSON.stringify(log).includes(key));
});

test('a registry that others may read, or that is not there: the start is refused in one line', async () => {
  const site = await keyedSite('open');
  const bare = await runHeadwater(['proxy', '-c', site.config]);
  assert.is(bare.code, 2);
  assert.match(
    bare.complaint,
    /^headwater: .*devices\.keys: there is no such file; `headwater device add NAME/,
  );
  assert.is(bare.complaint.trim().split('\n').length, 1);
  await site.add('press-07');
  await chmod(join(site.folder, 'devices.keys'), 0o644);
  const open = await runHeadwater(['proxy', '-c', site.config]);
  assert.is(open.code, 2);
  assert.match(open.complaint, /devices\.keys.*chmod 600/);
  assert.is(open.complaint.trim().split('\n').length, 1);
});

test.run();
