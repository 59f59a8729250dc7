// A registry that is changed below a proxy that runs, with devices of the SDK on it.

import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ProxyProcess, runHeadwater, startProxy } from '../../site/proxy-process.js';
import { type Sensor, startSensor } from '../../site/sensor.js';
import { makeSite, type Site } from '../../site/site.js';
import { until } from '../../site/until.js';

const test = suite("devices' keys, live");
let site: Site;
let file: string;
let proxy: ProxyProcess | null;
const sensors: Sensor[] = [];
/** All that the proxy printed. */
const printed: string[] = [];
const keys: string[] = [];

test.before.each(async () => {
  const overrides = {
    listen: { tcp: { host: '127.0.0.1', port: 0 } },
    keys: './devices.keys',
  };
  site = await makeSite({ bootstrap: null, label: 'keys', overrides });
  file = join(site.folder, 'devices.keys');
  proxy = null;
});
test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  await proxy?.kill();
  await site.remove();
});

/** `headwater device …`; answers the key that it printed. */
async function device(...words: string[]): Promise<string> {
  const { code, output, complaint } = await runHeadwater(['device', ...words, '-c', site.config]);
  assert.is(code, 0, complaint);
  const [, key = ''] = /auth\('(.*)'\);/.exec(output) ?? [];
  if (key !== '') keys.push(key);
  return key;
}

async function start(): Promise<ProxyProcess> {
  proxy = await startProxy(site.config, ['--set', 'log.level=debug'], {
    onLine: (line) => printed.push(line),
  });
  return proxy;
}

async function sensor(key: string): Promise<Sensor> {
  const made = await startSensor({ port: proxy!.tcpPort, device: 'press-07', key });
  sensors.push(made);
  return made;
}

const timesRead = () =>
  proxy!.log.filter(({ msg }) => msg === "devices' keys were read again").length;

test('during a rotation either key is taken, and afterwards the new one alone', async () => {
  const old = await device('add', 'press-07');
  await start();
  const first = await sensor(old);
  await until(() => first.acknowledged() > 3);
  const next = await device('rotate', 'press-07');
  const taken = first.acknowledged();
  await until(() => first.acknowledged() > taken + 3);
  first.stop();

  const second = await sensor(next);
  await until(() => second.acknowledged() > 3);
  const before = timesRead();
  await device('rotate', 'press-07', '--finish');
  await until(() => timesRead() > before);
  const third = await sensor(old);
  const further = second.acknowledged();
  await until(() => second.acknowledged() > further + 20);
  assert.is(third.acknowledged(), 0);
});

test('a registry that others may read is said, at /readyz and in a metric, and the site goes on', async () => {
  const key = await device('add', 'press-07');
  const { httpPort } = await start();
  const one = await sensor(key);
  await until(() => one.acknowledged() > 3);
  assert.is(await proxy!.metric('headwater_keys_stale'), 0);
  await chmod(file, 0o644);
  await until(async () => (await proxy!.metric('headwater_keys_stale')) === 1);
  const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  assert.is(ready.status, 200);
  assert.match(await ready.text(), /devices\.keys: others than its owner .*NO effect\n$/);
  const taken = one.acknowledged();
  await until(() => one.acknowledged() > taken + 3);
  await chmod(file, 0o600);
  await until(async () => (await proxy!.metric('headwater_keys_stale')) === 0);
});

test('no key was in anything that a proxy printed', async () => {
  assert.is(keys.length, 3);
  const all = printed.join('\n');
  assert.match(all, /"devices' keys were read again"/);
  assert.match(all, /a key of it is no longer valid/);
  for (const key of keys) {
    for (let at = 0; at + 8 <= key.length; at++) {
      assert.not.ok(all.includes(key.slice(at, at + 8)), all);
    }
  }
});

test.run();
