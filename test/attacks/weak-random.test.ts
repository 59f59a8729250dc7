// A device without randomness: its nonce is 0 at each HELLO, and its clock says the same after each reset. A recorded session of a former life, replayed to a
// later one by who has no key ([W-39]).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { type Mote, startMote } from '../site/mote.js';
import { until } from '../site/until.js';
import { ACK, CHALLENGE, DATA, HELLO, itemsOf, PROOF, WELCOME } from './attacker.js';
import { type FalseProxy, openFalseProxy, openRogue, type Rogue } from './rogue.js';
import { Attacked } from './scene.js';

const test = suite('a weak random source');
let site: Attacked;
let tap: Rogue;
let code = '';

test.before(async () => {
  site = await Attacked.start('weak-random', { devices: ['weak'] });
  const source = `
    import { auth } from 'headwater/auth';
    auth('${site.key('weak')}');
    import { fixed, producer, stream } from 'headwater';
    import { stats } from 'headwater/stats';
    const climate = stream('climate', { t: fixed(2), rh: fixed(2) });
    const { device, link, bufferBytes } = board;
    const hw = producer({ device, link, bufferBytes, lingerMs: 20, retryBackoffMs: 100 });
    board.stats = stats;
    function sample() {
      const reading = board.read();
      if (reading !== null) board.sent(hw.send(climate, reading) !== false);
      setTimeout(sample, board.everyMs);
    }
    // The same words in its first HELLO, whatever was measured before: as a device that says hello before it measures.
    setTimeout(sample, 400);
  `;
  const entry = { source, folder: projectFolder };
  const built = await buildFirmware({ entry, target: 'quickjs', minify: false });
  code = `Math.random = () => 0;\n${built.code}`;
  tap = site.scene.add(await openRogue(() => site.connect()), (tap) => tap.close());
});
test.after(() => site.end());

/** `clock`: what the engine's says, always. */
async function life(port: number, clock: number): Promise<Mote> {
  const mote = await startMote({
    ...{ device: 'weak', port, everyMs: 20, bufferBytes: 16_384 },
    code: `globalThis.__now = () => ${clock};\n${code}`,
    readings: (index) => ({ t: index % 100, rh: 40 }),
    onError(error) {
      throw error;
    },
  });
  return site.scene.add(mote, (mote) => mote.stop());
}

/** Says what the proxy said in the former life's first session: WELCOME behind PROOF, an ACK when what it is for was sent. */
async function replayer(): Promise<FalseProxy & { hellos: Buffer[] }> {
  const recorded = tap.seen
    .filter(({ way, connection }) => way === 'to-device' && connection === 0)
    .map(({ frame }) => frame);
  assert.ok([CHALLENGE, WELCOME, ACK].every((type) => recorded.some((one) => one[0] === type)));
  const hellos: Buffer[] = [];
  const answers = (frame: Buffer): Buffer[] => {
    if (frame[0] === HELLO) hellos.push(frame.subarray(0, -4));
    if (frame[0] === HELLO) return recorded.filter(([type]) => type === CHALLENGE);
    if (frame[0] === PROOF) return recorded.filter(([type]) => type === WELCOME);
    if (frame[0] !== DATA) return [];
    const [, , , , first, count] = itemsOf(frame, 6).map(Number);
    const isCovered = (ack: Buffer) => Number(itemsOf(ack, 3)[2]) <= first! + count!;
    return recorded.filter((one) => one[0] === ACK && isCovered(one));
  };
  const rogue = site.scene.add(await openFalseProxy(answers), (rogue) => rogue.close());
  return Object.assign(rogue, { hellos });
}

let firstHello: Buffer;

test('its sessions with the honest proxy are whole, and its first HELLO is always the same', async () => {
  const former = await life(tap.port, 1_000);
  await until(() => former.acknowledged() >= 30);
  former.stop();
  firstHello = tap.seen.find(({ frame }) => frame[0] === HELLO)!.frame.subarray(0, -4);
  assert.is(itemsOf(firstHello)[5], 0);
});

test('another uptime, by a millisecond: the former session acknowledges nothing', async () => {
  const rogue = await replayer();
  const later = await life(rogue.port, 1_001);
  await until(() => later.buffered() > 60);
  assert.is(later.acknowledged(), 0);
  assert.is(rogue.hellos.filter((one) => one.equals(firstHello)).length, 0);
  later.stop();
});

test('what nothing stops: a HELLO that is the same in every byte. Whoever recorded the session then is believed once more', async () => {
  const rogue = await replayer();
  const later = await life(rogue.port, 1_000);
  await until(() => later.acknowledged() > 0);
  assert.ok(rogue.hellos.some((one) => one.equals(firstHello)));
  later.stop();
});

test('and with a life of the same words, the honest proxy takes each event: its own nonce differs', async () => {
  const before = (await site.journal()).length;
  const later = await life(site.port, 1_000);
  await until(() => later.acknowledged() >= 30);
  const acknowledged = later.acknowledged();
  assert.ok((await site.journal()).length >= before + acknowledged);
});

test.run();
