// What the other two modes promise. `auth: none`: whoever reaches the port writes as any device, bounded and counted, and can have a device forget events;
// `auth: certificate`: the name in the certificate and no other.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeAuthority, writeByRename, writePair } from '../site/certificates.js';
import { passes } from '../site/line-scene.js';
import { startProxy } from '../site/proxy-process.js';
import { until } from '../site/until.js';
import {
  ACK,
  Attacker,
  CHANNEL,
  DATA,
  data,
  emptyTable,
  envelope,
  forged,
  HELLO,
  hello,
  items,
  itemsOf,
  RESET,
  WELCOME,
  withCrc,
} from './attacker.js';
import { openFalseProxy } from './rogue.js';
import { Attacked } from './scene.js';

const test = suite('listeners without keys');
let site: Attacked;
test.after.each(() => site.end());

test('auth: none: anybody writes as any name, and the log says so at the start', async () => {
  site = await Attacked.start('open', { auth: 'none' });
  const anybody = await site.dial();
  anybody.say(hello({ device: 'press-07', tables: [emptyTable] }));
  const welcome = itemsOf((await anybody.next(WELCOME))!.subarray(0, -4));
  anybody.say(forged(Number(welcome[5])));
  assert.ok(await anybody.next(ACK));
  assert.equal(
    (await site.journal()).map(({ device, value }) => [device, value]),
    [['press-07', 'forged']],
  );
  const said = site.proxy.log.find(({ msg }) =>
    String(msg).startsWith('listen.tcp: auth: none: whoever reaches 127.0.0.1:'),
  );
  assert.is(said?.level, 'warn', 'also where the log says no more than what is amiss');
});

test('auth: none: a device beside is replaced by whoever says its name, comes again, and is whole', async () => {
  site = await Attacked.start('open-rival', { auth: 'none' });
  const honest = await site.honest();
  const rival = await site.dial();
  rival.say(hello({ device: 'honest', tables: [emptyTable] }));
  assert.ok(await rival.next(WELCOME));
  assert.ok((await site.counted('replaced')) > 0);
  await passes(honest, 20);
  await site.onlyHonest(honest);
});

test('auth: none: what nothing stops: a device without a key believes a false proxy', async () => {
  site = await Attacked.start('open-rogue', { auth: 'none' });
  const boot = 1_700_000_000;
  const rogue = await openFalseProxy((frame) => {
    const said = itemsOf(frame.subarray(0, -4), 6).map(Number);
    if (said[0] === DATA) return [withCrc(items(ACK, boot, said[4]! + said[5]!, 4e9, 0))];
    if (said[0] !== HELLO) return [];
    const welcome = [said[5]!, 0, 4e9, 0, boot, 1, Date.now(), 2_304, null, []];
    return [withCrc(items(WELCOME, ...welcome))];
  });
  site.scene.add(rogue, (rogue) => rogue.close());
  const fooled = await site.sense('fooled', { port: rogue.port, everyMs: 20 });
  await until(() => fooled.acknowledged() > 20);
  assert.equal(await site.journal(), []);
});

test('auth: certificate: another name, an envelope, none, and one of another authority', async () => {
  site = await Attacked.start('certificate', { auth: 'none' });
  const { folder } = site.site;
  const [authority, stranger] = [await makeAuthority(), await makeAuthority('Another')];
  const server = await writePair(folder, 'server', await authority.sign('proxy'));
  const clientCa = join(folder, 'ca.pem');
  await writeByRename(clientCa, authority.pem);
  await site.proxy.stop();
  const tls = { host: '127.0.0.1', port: 0, ...server, clientCa, auth: 'certificate' };
  const flag = (key: string, value: unknown) => ['--set', `listen.tls.${key}=${value}`];
  const flags = Object.entries(tls).flatMap(([key, value]) => flag(key, value));
  const proxy = site.scene.add(await startProxy(site.site.config, flags), (proxy) => proxy.kill());
  const port = Number(proxy.log.find(({ msg }) => msg === 'listening')?.tlsPort);
  const ca = await readFile(clientCa, 'utf8');
  const dial = async (pair?: ConnectionOptions) => {
    const socket = connect({ port, host: '127.0.0.1', ca, ...pair });
    socket.on('error', () => {});
    const attacker = site.scene.add(new Attacker(socket), (attacker) => attacker.end());
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
    return attacker;
  };
  const thief = await dial(await authority.sign('mine'));
  for (const device of ['honest', 'mine ', 'MINE']) thief.say(hello({ device }));
  assert.equal(itemsOf((await thief.next(RESET, WELCOME))!.subarray(0, -4)).slice(0, 2), [
    RESET,
    4,
  ]);
  thief.sayFrame(envelope(1, withCrc(hello({ device: 'honest', tables: [emptyTable] }))));
  thief.say(hello({ device: 'mine', tables: [emptyTable] }));
  const boot = Number(itemsOf((await thief.next(WELCOME))!.subarray(0, -4))[5]);
  thief.say(data(boot, 0, [['own', items(1)]]));
  assert.ok(await thief.next(ACK));
  assert.not.ok(thief.types().includes(CHANNEL));
  const strangers = [
    undefined,
    await stranger.sign('honest'),
    await authority.sign(['a', 'honest']),
  ];
  for (const pair of strangers) {
    const attacker = await dial(pair);
    attacker.say(hello({ device: 'honest', tables: [emptyTable] }));
    await attacker.next(RESET);
    assert.not.ok(attacker.types().includes(WELCOME));
  }
  assert.equal(
    (await site.journal()).map(({ device, stream }) => [device, stream]),
    [['mine', 'own']],
  );
});

test.run();
