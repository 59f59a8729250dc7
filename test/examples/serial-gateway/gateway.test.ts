import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from '../../site/gateway-process.js';
import { countInJournal, LineScene, passes } from '../../site/line-scene.js';
import { runHeadwater, startProxy } from '../../site/proxy-process.js';
import type { Pty } from '../../site/pty.js';
import { makeSite } from '../../site/site.js';
import { until } from '../../site/until.js';

// The built gateway between real pseudo-terminals and the built proxy.

const test = suite('headwater gateway');
const scene = new LineScene();
test.after.each(() => scene.end());

async function site(label: string) {
  const made = await makeSite({ bootstrap: null, label });
  return scene.add(made, (made) => made.remove());
}

async function proxyOf(config: string, ...flags: string[]) {
  return scene.add(await startProxy(config, flags), (proxy) => proxy.kill());
}

const token = 'of-sixteen-characters-or-more';

async function gatewayOf(folder: string, port: number, ...ptys: Pty[]) {
  const lines = ptys.map(({ path }) => ({ path }));
  const limits = { retryBackoffMs: 50 };
  const gateway = await startGateway(folder, {
    ...{ proxy: { host: '127.0.0.1', port }, lines, limits, http: { port: 0, token } },
  });
  return scene.add(gateway, (gateway) => gateway.kill());
}

test('three lines over one connection: killed, and its proxy killed: every event once, in order', async () => {
  const { config, folder } = await site('bridged');
  const proxy = await proxyOf(config);
  const lines = [await scene.line(1), await scene.line(2), await scene.line(3)];
  const ptys = lines.map(({ pty }) => pty);
  const gateway = await gatewayOf(folder, proxy.tcpPort, ...ptys);
  const sensors = await Promise.all(lines.map(({ wire }, at) => scene.sense(wire, `mote-${at}`)));
  await Promise.all(sensors.map((sensor) => passes(sensor, 40)));
  assert.is(await proxy.metric('headwater_connections'), 1);
  assert.is(await proxy.metric('headwater_devices_connected'), 3);
  await gateway.kill();
  const second = await gatewayOf(folder, proxy.tcpPort, ...ptys);
  await Promise.all(sensors.map((sensor) => passes(sensor, 40)));
  await proxy.kill();
  await until(async () => (await second.metric('headwater_outcomes_total', 'not-connected')) > 0);
  const lost = second.log.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
  assert.equal(lost, ['outcome connection-lost'], 'an outage is one line');
  assert.is(await second.metric('headwater_gateway_connected'), 0);
  const again = await proxyOf(config, '--set', `listen.tcp.port=${proxy.tcpPort}`);
  await Promise.all(sensors.map((sensor) => passes(sensor, 40)));
  await countInJournal(config, ...sensors);
  assert.is(await second.stop(), 0);
  assert.is(await again.stop(), 0);
});

test('a line that is swapped for another device, and one that is pulled, are sessions anew', async () => {
  const { config, folder } = await site('moved');
  const proxy = await proxyOf(config);
  const [one, two] = [await scene.line(), await scene.line()];
  await gatewayOf(folder, proxy.tcpPort, one.pty, two.pty);
  const [left, right] = [await scene.sense(one.wire, 'left'), await scene.sense(two.wire, 'right')];
  await Promise.all([passes(left, 30), passes(right, 30)]);
  await one.pty.far.cut();
  one.wire.plugInto(two.pty);
  two.wire.plugInto(one.pty);
  await Promise.all([passes(left, 30), passes(right, 30)]);
  await countInJournal(config, left, right);
});

test('noise on one line costs its own frames only', async () => {
  const { config, folder } = await site('noisy');
  const proxy = await proxyOf(config);
  const [noisy, quiet] = [await scene.line(5), await scene.line(6)];
  await gatewayOf(folder, proxy.tcpPort, noisy.pty, quiet.pty);
  const sensors = [await scene.sense(noisy.wire, 'noisy'), await scene.sense(quiet.wire, 'quiet')];
  noisy.wire.spoil(0.001);
  for (let banner = 0; banner < 5; banner++) {
    noisy.wire.noise('\r\n ets Jan  8 2013,rst cause:2, boot mode:(3,6)\r\n');
    await Promise.all(sensors.map((sensor) => passes(sensor, 50)));
  }
  noisy.wire.spoil(0);
  await countInJournal(config, ...sensors);
});

test('a paused line is free for another program, and comes back', async () => {
  const { config, folder } = await site('paused');
  const proxy = await proxyOf(config);
  const { pty, wire } = await scene.line();
  const gateway = await gatewayOf(folder, proxy.tcpPort, pty);
  const sensor = await scene.sense(wire, 'updated');
  await passes(sensor, 20);
  // The gateway's own file says port 0: the one that it got is set for the command.
  const file = join(folder, 'pause.yaml');
  await writeFile(
    file,
    `proxy: { host: 127.0.0.1 }\nlines: [{ path: ${pty.path} }]\nhttp: { port: ${gateway.httpPort}, token: ${token} }\n`,
  );
  const bare = join(folder, 'bare.yaml');
  await writeFile(bare, `proxy: { host: 127.0.0.1 }\nlines: [{ path: ${pty.path} }]\n`);
  const untold = await runHeadwater(['gateway', '--config', bare, 'pause', pty.path]);
  assert.is(untold.code, 2);
  assert.match(untold.complaint, /there is no http\.token/);
  const url = `http://127.0.0.1:${gateway.httpPort}/lines/pause?path=${pty.path}`;
  for (const authorization of ['', token, `Bearer ${token}x`]) {
    const headers = { authorization };
    assert.is((await fetch(url, { method: 'POST', headers })).status, 401, authorization);
  }
  assert.is(await gateway.metric('headwater_line_open'), 1);
  const verb = (what: string, path: string) =>
    runHeadwater(['gateway', '--config', file, what, path]);
  assert.equal(await verb('pause', pty.path), {
    ...{ code: 0, complaint: '', output: `${pty.path}: paused\n` },
  });
  assert.is(await gateway.metric('headwater_line_open'), 0);
  assert.is((await verb('resume', pty.path)).code, 0);
  await passes(sensor, 20);
  const unknown = await verb('pause', '/dev/none');
  assert.is(unknown.code, 1);
  assert.match(unknown.complaint, /^headwater: \/dev\/none: no line of this gateway; it has \//);
  await countInJournal(config, sensor);
});

test('one whose lines are not there yet keeps its connection, and one appears on it', async () => {
  const { config, folder } = await site('no-lines');
  const proxy = await proxyOf(config, '--set', 'limits.helloTimeoutMs=300');
  const { pty, wire } = await scene.line();
  await pty.far.refuse(true);
  const gateway = await gatewayOf(folder, proxy.tcpPort, pty);
  await until(async () => (await gateway.metric('headwater_gateway_connected')) === 1);
  // Who came later and says nothing is sent away.
  const stranger = connect(proxy.tcpPort, '127.0.0.1');
  await once(stranger, 'close');
  await pty.far.refuse(false);
  const sensor = await scene.sense(wire, 'plugged');
  await passes(sensor, 20);
  assert.is(await gateway.metric('headwater_outcomes_total', 'connection-lost'), 0);
  await countInJournal(config, sensor);
});

test('what a person can mend is one line, and exit code 2', async () => {
  const { folder } = await site('mistakes');
  const file = join(folder, 'gateway.yaml');
  await writeFile(
    file,
    'proxy: { host: edge-1 }\nlines:\n  - path: /dev/ttyUSB0\n    baudrate: 9600\n    flowControl: xon-xoff\n  - baudRate: 9600\n',
  );
  const { code, complaint } = await runHeadwater(['gateway', '--config', file]);
  assert.is(code, 2);
  const said = complaint.trim().split('\n');
  assert.is(said.length, 3, complaint);
  assert.match(complaint, /gateway\.yaml:4: lines\.0\.baudrate: there is no such key/);
  assert.match(complaint, /:5: lines\.0\.flowControl: expected none or rts-cts \(not XON\/XOFF/);
  assert.match(complaint, /:6: lines\.1: expected either path or usb/);
  const nowhere = await runHeadwater(['gateway', '--config', join(folder, 'none.yaml')]);
  assert.match(nowhere.complaint, /there is no such file; examples\/serial-gateway\/gateway\.yaml/);
});

test.run();
