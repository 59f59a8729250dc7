import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { runFirmware } from '../../targets/quickjs-host.js';
import { peerServer } from '../sdk/peer-server.js';
import { until } from '../site/until.js';

const source = `
import { fixed, type Link, producer, stream, uint } from 'headwater';
import { flush } from 'headwater/flush';
declare const board: { link: Link };
const climate = stream('climate', { t: fixed(1), rh: uint });
const hw = producer({ device: 'press-07', link: board.link, retryBackoffMs: 10, ackTimeoutMs: 200 });
globalThis.send = (t, rh) => hw.send(climate, { t, rh });
globalThis.flushed = () => flush((all) => console.log('flushed ' + all));
`;

test('a built firmware delivers, also what it held while the link was cut', async () => {
  const { code } = await buildFirmware({
    entry: { source, folder: process.cwd() },
    target: 'quickjs',
    minify: true,
  });
  const peer = await peerServer();
  let line: (text: string) => void = () => {};
  const device = await runFirmware({
    code,
    connect: () => net.connect(peer.port, '127.0.0.1'),
    board: {},
    onLog: (text) => line(text),
    onError(error) {
      throw error;
    },
  });
  const flushed = () =>
    new Promise<string>((resolve) => {
      line = resolve;
      device.evaluate('flushed()');
    });
  assert.is(device.evaluate('send(21.5, 40)'), 'ram');
  assert.is(device.evaluate('send(21.6, 41)'), 'ram');
  assert.is(await flushed(), 'flushed true');
  assert.is(peer.expected, 2);

  peer.acknowledges = false;
  device.evaluate('send(21.7, 42)');
  const late = flushed();
  peer.cut();
  device.evaluate('send(21.8, 43)');
  peer.acknowledges = true;
  assert.is(await late, 'flushed true');
  assert.is(await flushed(), 'flushed true');
  assert.is(peer.expected, 4);
  device.stop();
  await peer.close();
});

test('a board that stops its engine from inside, and intervals that repeat until they are cleared', async () => {
  let ticks = 0;
  const repeating = await runFirmware({
    code: 'const id = setInterval(() => board.tick() === 3 && clearInterval(id), 1);',
    connect: () => net.connect(1, '127.0.0.1'),
    board: { tick: () => ++ticks },
    onError(error) {
      throw error;
    },
  });
  await until(() => ticks >= 3);
  await sleep(50);
  assert.is(ticks, 3, 'it was cleared');
  repeating.stop();

  const inside = await runFirmware({
    code: 'globalThis.go = () => board.stop();',
    connect: () => net.connect(1, '127.0.0.1'),
    board: {
      stop: () => {
        inside.stop();
        return null;
      },
    },
    onError(error) {
      throw error;
    },
  });
  inside.evaluate('go()');
  assert.is(inside.evaluate('1'), undefined, 'it is stopped');
});

test.run();
