import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type OpenError, portsOfMachine } from '../../../proxy/lines/ports.js';
import { lineSettings } from '../../../proxy/lines/settings.js';
import { countInJournal, LineScene, passes } from '../../site/line-scene.js';
import { type ProxyProcess, startProxy } from '../../site/proxy-process.js';
import type { Pty } from '../../site/pty.js';
import type { Sensor } from '../../site/sensor.js';
import { makeSite, type Site } from '../../site/site.js';
import { until } from '../../site/until.js';
import type { Wire } from '../../site/wire.js';

// The built proxy on real pseudo-terminals, with devices in QuickJS on their far ends.

const test = suite('serial lines');
const scene = new LineScene();
test.after.each(() => scene.end());
const line = (seed?: number) => scene.line(seed);
const sense = (wire: Wire, device: string) => scene.sense(wire, device);

async function siteOf(ptys: readonly Pty[], label: string): Promise<Site> {
  const tcp = { host: '127.0.0.1', port: 0, auth: 'none' };
  const serial = ptys.map(({ path }) => ({ path, baudRate: 115_200, auth: 'none' }));
  const site = await makeSite({
    ...{ bootstrap: null, label, overrides: { listen: { tcp, serial } } },
  });
  return scene.add(site, (site) => site.remove());
}

async function start(site: Site): Promise<ProxyProcess> {
  return scene.add(await startProxy(site.config), (proxy) => proxy.kill());
}

const counts = (site: Site, ...sensors: Sensor[]) => countInJournal(site.config, ...sensors);

test('a boot banner, a console, bits that flip, bytes that are lost and doubled: no event is', async () => {
  const { pty, wire } = await line(7);
  const site = await siteOf([pty], 'noise');
  const proxy = await start(site);
  wire.noise(
    '\r\n ets Jan  8 2013,rst cause:2, boot mode:(3,6)\r\n\0load 0x40100000, len 2408\r\n>',
  );
  const sensor = await sense(wire, 'noisy-1');
  await passes(sensor, 50);
  wire.noise('Uncaught ReferenceError: foo is not defined\r\n at line 1 col 1\r\n>');
  wire.spoil(0.001);
  await passes(sensor, 400);
  wire.spoil(0);
  await counts(site, sensor);
  assert.ok(((await proxy.metric('headwater_outcomes_total', 'frame-')) ?? 0) >= 2);
  assert.is(await proxy.metric('headwater_line_open', `path="${pty.path}"`), 1);
});

test('a cable that is pulled and comes back, and a proxy that is killed', async () => {
  const [one, two] = [await line(), await line()];
  const site = await siteOf([one.pty, two.pty], 'pulled');
  const proxy = await start(site);
  const sensors = [await sense(one.wire, 'first'), await sense(two.wire, 'second')];
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  await one.pty.far.refuse(true);
  await until(async () => (await proxy.metric('headwater_line_open')) === 1);
  await passes(sensors[1]!, 30);
  await one.pty.far.refuse(false);
  await passes(sensors[0]!, 30);
  const { said } = proxy;
  assert.is(said().filter((text) => text === 'outcome line-lost').length, 1, said().join('\n'));
  await proxy.kill();
  const again = await start(site);
  await Promise.all(sensors.map((sensor) => passes(sensor, 30)));
  await counts(site, ...sensors);
  assert.is(await again.stop(), 0);
});

test('two lines are swapped: each device goes on where it was', async () => {
  const [one, two] = [await line(), await line()];
  const site = await siteOf([one.pty, two.pty], 'swapped');
  await start(site);
  const [left, right] = [await sense(one.wire, 'left'), await sense(two.wire, 'right')];
  await Promise.all([passes(left, 30), passes(right, 30)]);
  one.wire.plugInto(two.pty);
  two.wire.plugInto(one.pty);
  await Promise.all([passes(left, 30), passes(right, 30)]);
  await counts(site, left, right);
});

test('two devices of one name on two lines are held apart, and a line outlives its sessions', async () => {
  const [one, two] = [await line(), await line()];
  const site = await siteOf([one.pty, two.pty], 'twins');
  const proxy = await start(site);
  const twin = await sense(one.wire, 'twin');
  await passes(twin, 20);
  const other = await sense(two.wire, 'twin');
  await until(async () => ((await proxy.metric('headwater_outcomes_total', 'replaced')) ?? 0) >= 1);
  other.stop();
  await passes(twin, 20);
  assert.is(await proxy.metric('headwater_line_open'), 2);
});

test('only garbage: one line that says so, and the line stays', async () => {
  const { pty, wire } = await line();
  const site = await siteOf([pty], 'garbage');
  const proxy = await start(site);
  const garbage = new Uint8Array(1_000).map((_, at) => (at * 7_919) % 251);
  for (let chunk = 0; chunk < 20; chunk++) wire.noise(garbage);
  const garbled = () => proxy.metric('headwater_outcomes_total', 'line-garbled');
  await until(async () => (await garbled()) === 1);
  const sensor = await sense(wire, 'tuned');
  await passes(sensor, 20);
  await counts(site, sensor);
  assert.is(await garbled(), 1);
});

test('what a port says that can not be opened', async () => {
  const ports = portsOfMachine();
  const { pty } = await line();
  const settings = lineSettings.parse({ path: pty.path });
  const quiet = { data: () => {}, lost: () => {} };
  const trouble = (path: string) =>
    ports.open(path, settings, quiet).then(
      () => 'none',
      (error: OpenError) => error.trouble,
    );
  const port = await ports.open(pty.path, settings, quiet);
  assert.is(await trouble(pty.path), 'busy');
  await port.close();
  assert.is(await trouble(pty.path), 'none');
  assert.is(await trouble(`${pty.path}-none`), 'absent');
  assert.is(await trouble('/dev/null'), 'unfit');
});

test.run();
