import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from '../../site/gateway-process.js';
import { LineScene } from '../../site/line-scene.js';
import { runHeadwater, startProxy } from '../../site/proxy-process.js';
import { meterOn } from '../../site/pty-meter.js';
import { makeSite } from '../../site/site.js';
import { until } from '../../site/until.js';

// The built gateway between a Modbus meter on a real pseudo-terminal and the built proxy.

const test = suite('headwater gateway: a Modbus meter');
const scene = new LineScene();
test.after.each(() => scene.end());

test('its proxy away and itself killed: what was read is in the journal once, in order', async () => {
  const made = await makeSite({ bootstrap: null, label: 'modbus' });
  const { config, folder } = scene.add(made, (made) => made.remove());
  const proxyOf = async (...flags: string[]) =>
    scene.add(await startProxy(config, flags), (proxy) => proxy.kill());
  const proxy = await proxyOf();
  const { pty } = await scene.line();
  const meter = meterOn(pty, 9);
  const registers = [{ name: 'count', kind: 'input', at: 0, type: 'uint32' }];
  const device = { address: 9, device: 'meter-9', stream: 'energy', everyMs: 100, registers };
  const content = {
    proxy: { host: '127.0.0.1', port: proxy.tcpPort },
    lines: [{ path: pty.path, bus: { modbus: [device] } }],
    store: join(folder, 'events'),
    limits: { retryBackoffMs: 50 },
  };
  const gatewayOf = async () =>
    scene.add(await startGateway(folder, content), (gateway) => gateway.kill());
  const passes = async (reads: number) => {
    const from = meter.answered;
    await until(() => meter.answered >= from + reads);
    return meter.answered;
  };

  const first = await gatewayOf();
  await passes(5);
  await until(async () => (await first.metric('headwater_modbus_waiting_events')) === 0);
  await proxy.kill();
  await passes(10);
  await first.kill();
  const kills = [meter.answered];
  const second = await gatewayOf();
  await passes(10);
  await second.kill();
  kills.push(meter.answered);
  const again = await proxyOf('--set', `listen.tcp.port=${proxy.tcpPort}`);
  const third = await gatewayOf();
  const all = await passes(10);
  meter.stop();
  await until(async () => (await third.metric('headwater_modbus_reads_total', 'silent')) > 0);
  await until(async () => (await third.metric('headwater_modbus_waiting_events')) === 0);
  assert.is(await third.stop(), 0);
  assert.is(await again.stop(), 0);

  const { output } = await runHeadwater(['tail', '-c', config, '--no-follow', '--json']);
  const events = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { device: string; stream: string; value: { count: number } })
    .filter(({ stream }) => stream === 'energy');
  assert.ok(events.every(({ device }) => device === 'meter-9'));
  const arrived = events.map(({ value }) => value.count);
  // An answer that a kill met on its way was not accepted.
  const missing = Array.from({ length: all }, (_, index) => index + 1).filter(
    (count) => !arrived.includes(count),
  );
  assert.ok(
    missing.every((count) => kills.includes(count)),
    `missing: ${missing}`,
  );
  assert.equal(
    arrived,
    [...new Set(arrived)].sort((a, b) => a - b),
  );
});

test('a store that can’t be used is one line that says which', async () => {
  const made = await makeSite({ bootstrap: null, label: 'modbus-store' });
  const { folder } = scene.add(made, (made) => made.remove());
  const file = join(folder, 'gateway.yaml');
  await writeFile(join(folder, 'events'), 'a file');
  await writeFile(
    file,
    `proxy: { host: 127.0.0.1, port: 1 }
http: { port: 0 }
store: events
lines:
  - path: /dev/none
    bus: { modbus: [{ address: 9, device: meter-9, stream: energy, registers: [{ name: n, at: 0, type: uint16 }] }] }
`,
  );
  const { code, complaint } = await runHeadwater(['gateway', '--config', file]);
  assert.is(code, 1);
  assert.match(complaint, /^headwater: store: can't use \/.*\/meter-9\.events: EEXIST/);
  assert.is(complaint.trim().split('\n').length, 1, complaint);
});

test.run();
