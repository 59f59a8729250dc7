import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closed, encodeFrame } from '../../../proxy/frame.js';
import { buildFirmware } from '../../../targets/build.js';
import { projectFolder } from '../../kafka/jars.js';
import { type AuthVectors, fromHex, toHex, vectors } from '../../proxy/vectors.js';
import { Random } from '../../random.js';
import { farEnd } from '../../sdk/far-end.js';
import { wire } from '../../sdk/peer.js';
import { engines, missing } from './engine.js';

// The same file in Duktape, MuJS and QuickJS: PROTOCOL.md §15 byte for byte, then a long conversation over a line that loses
// frames and connections, read as the proxy reads.

const capture = JSON.parse(
  readFileSync(join(projectFolder, 'test/vectors/capture.json'), 'utf8'),
) as { steps: { bytes: string }[] };

const source = `
import { fixed, producer, stream } from 'headwater';
import { flush } from 'headwater/flush';
import { stats } from 'headwater/stats';
declare const board: any;
const climate = stream('climate', { t: fixed(2), rh: fixed(2) });
board.stats = stats;
board.flush = flush;
board.start = (options: object) => {
  const hw = producer({ device: 'mote-1', link: board.link, ...options });
  board.send = (t: number, rh: number) => hw.send(climate, { t, rh });
};
`;
const { code } = await buildFirmware({
  entry: { source, folder: projectFolder },
  target: 'es5',
  minify: true,
});

const auth = vectors<AuthVectors>('auth');
const keyed = await buildFirmware({
  entry: {
    source: `import { auth } from 'headwater/auth';\n${source}\nauth('${auth.key}');`,
    folder: projectFolder,
  },
  target: 'es5',
  minify: true,
});
const authFrame = (name: string) => {
  const { frame } = auth.frames.find((one) => one.name === name)!;
  return toHex(Uint8Array.from([0, ...closed(fromHex(frame))]));
};

for (const [name, start] of Object.entries(engines)) {
  const reason = missing(name);
  if (reason !== null) {
    console.log(reason);
    continue;
  }
  test(`${name}: PROTOCOL.md §15, byte for byte`, async () => {
    const engine = await start(code);
    const step = (index: number) => capture.steps[index]!.bytes;
    const says = async (statements: string, ...expected: string[]) =>
      assert.equal(await engine.run(statements), expected);
    try {
      await says(
        `draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
         board.start({ lingerMs: 60000, retryBackoffMs: 431 / 0.75 }); advance(431); tell()`,
        step(0),
      );
      await says(`say('${step(1)}'); tell()`, step(2));
      await says('advance(569); print(board.send(21.5, 40.25))', 'ram');
      await says(
        `advance(5001); board.send(21.51, 40.22); advance(4998); board.send(21.51, 40.2);
         advance(21); board.flush(function (all) { print('flushed ' + all); }); tell()`,
        step(3),
      );
      await says(
        `advance(80); draws.push(0.5, (0x0badcafe + 0.5) / 4e9);
         board.link.events.down(); advance(431); tell()`,
        step(4),
      );
      await says(`advance(20); say('${step(5)}'); tell()`, step(6));
      await says(`say('${step(7)}'); print(board.stats().buffered)`, 'flushed true', '0');
    } finally {
      await engine.stop();
    }
  });

  test(`${name}: PROTOCOL.md §9, byte for byte`, async () => {
    const engine = await start(keyed.code);
    const says = async (statements: string, ...expected: string[]) =>
      assert.equal(await engine.run(statements), expected);
    try {
      await says(
        `draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
         board.start({ lingerMs: 60000, retryBackoffMs: 431 / 0.75 }); advance(431); tell()`,
        toHex(Uint8Array.from([0, ...encodeFrame(fromHex(auth.hello))])),
      );
      const challenge = toHex(encodeFrame(fromHex(auth.challenge)));
      await says(`say('${challenge}'); tell()`, authFrame('PROOF'));
      await says(`say('${authFrame('WELCOME')}'); tell()`, authFrame('TABLE'));
      await says('advance(569); print(board.send(21.5, 40.25))', 'ram');
      await says(
        `advance(5001); board.send(21.51, 40.22); advance(4998); board.send(21.51, 40.2);
         advance(21); board.flush(function (all) { print('flushed ' + all); }); tell()`,
        authFrame('DATA'),
      );
      await says(`say('${authFrame('ACK')}'); print(board.stats().buffered)`, 'flushed true', '0');
    } finally {
      await engine.stop();
    }
  });

  test(`${name}: over a line that loses, everything arrives once and in order, or its loss does`, async () => {
    const engine = await start(code);
    const random = new Random(17);
    const link = wire();
    const far = farEnd(link);
    const sent: [number, number][] = [];
    let heard: string[] = [];
    let opened = 0;
    let lost = 0;
    link.say = (bytes) => heard.push(Buffer.from(bytes).toString('hex'));

    const round = async (isCalm: boolean) => {
      const statements = heard.map((hex) => `say('${hex}')`);
      heard = [];
      if (!isCalm && random.chance(1 / 25)) statements.push('board.link.events.down()');
      if (!isCalm && random.chance(1 / 10)) statements.push(`room = ${random.below(60)}`);
      else statements.push('room = Infinity; board.link.events.ready()');
      for (let count = isCalm ? 0 : random.below(4); count > 0; count--) {
        const t = (random.below(4000) - 1000) / 100;
        const rh = random.below(10_000) / 100;
        sent.push([t, rh]);
        statements.push(`advance(${random.below(300)}); board.send(${t}, ${rh})`);
      }
      statements.push(`advance(${1 + random.below(400)}); print(board.link.opened); tell()`);
      const [openedNow, written] = await engine.run(statements.join('; '));
      if (Number(openedNow) !== opened) {
        opened = Number(openedNow);
        far.cut();
      }
      link.written = Buffer.concat([link.written, Buffer.from(written!, 'hex')]);
      far.hear(() => !isCalm && random.chance(1 / 8));
      far.limit = far.taken.length + 60;
      if (far.asked) far.welcome();
      else if (far.live && (isCalm || random.chance(1 / 2))) far.ack();
    };
    try {
      await engine.run(
        'board.link.events = { ready: function () {}, down: function () {} }; var open = board.link.open; ' +
          "board.link.open = function (events) { written = ''; open.call(board.link, events); }; " +
          'board.start({ bufferBytes: 160, lingerMs: 300, ackTimeoutMs: 1000, retryBackoffMs: 50 })',
      );
      for (let index = 0; index < 600; index++) await round(false);
      await engine.run('board.flush(function () {})');
      for (let index = 0; far.taken.length < sent.length; index++) {
        assert.ok(index < 500, `${far.taken.length} of ${sent.length} came`);
        await round(true);
      }
      assert.ok(sent.length > 500);
      far.taken.forEach((event, seq) => {
        if (typeof event === 'string') lost++;
        else assert.equal([...event.values], sent[seq], `seq ${seq}`);
      });
      const [counted] = await engine.run('print(board.stats().dropped + board.stats().refused)');
      // What the device gave up may have come before, its acknowledgement lost.
      assert.ok(lost > 0 && lost <= Number(counted), `${lost} lost, ${counted} given up`);
      assert.ok(lost < sent.length / 2, `${lost} lost`);
    } finally {
      await engine.stop();
    }
  });
}

test.run();
