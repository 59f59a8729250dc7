// `npm run demo`: the whole path on real parts. Four devices in QuickJS play the readings of four real
// motes through the proxy into Apache Kafka; on the way the link is pulled twice and the proxy is killed
// with SIGKILL. Then Kafka's own console consumer counts.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { buildFirmware } from '../../targets/build.js';
import { ensureJars, projectFolder, SetupError } from '../kafka/jars.js';
import { temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { consoleConsumer } from '../site/console-consumer.js';
import { type Mote, startMote } from '../site/mote.js';
import { readMotes } from '../site/motes.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { createCounter, isClean, sentence, type Verdict } from '../site/verdict.js';
import { serialCables, tcpCables } from './cables.js';
import { keyedFirmware, keyLine, openSecuredKafka, secure } from './secure.js';
import { createView } from './view.js';

const help = `Usage: npm run demo [-- --seconds 25] [-- --target es5] [-- --serial] [-- --secure] [-- --json]

Four devices in QuickJS, each playing the readings of a real mote, a proxy, and a real Apache Kafka
(the running one of \`npm run kafka\`, else one that is started for the demo and stopped after it).
The link is pulled twice, the proxy is killed once. Ends with a count by Kafka's console consumer;
exit code 1 if an event is lost, twice, out of order or made up.

  --seconds N   how long the devices take for their readings (25)
  --target T    what the firmware is built for: quickjs (unless told) or es5
  --serial      the devices hang on pseudo-terminals, which the gateway bridges to the proxy
  --secure      devices have keys, and one of them a wrong one; Kafka wants TLS, a login (SCRAM), and has ACLs
  --json        the verdict as one JSON object on standard output, the rest on standard error`;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '25' },
    target: { type: 'string', default: 'quickjs' },
    serial: { type: 'boolean', default: false },
    secure: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function demo(): Promise<Verdict> {
  const seconds = Number(flags.seconds);
  if (!(seconds >= 10)) throw new SetupError('--seconds takes a number from 10 on');
  if (!['quickjs', 'es5'].includes(flags.target)) {
    throw new SetupError('--target takes quickjs or es5: QuickJS runs both');
  }
  const view = createView(flags.json ? process.stderr : process.stdout);
  await ensureJars((line) => view.say(line));
  view.say('starting Kafka, unless one runs …');
  // One of its own where none runs: another demo beside it must not lose its Kafka with this one's end.
  const secured = flags.secure ? await openSecuredKafka() : null;
  const kafka =
    secured ?? (await runningKafka()) ?? (await temporaryBroker((line) => view.say(line)));
  const site = await makeSite({ bootstrap: kafka.bootstrap, label: 'demo' });
  if (secured !== null) await secure(site, secured);
  const topic = `${site.prefix}climate`;
  let proxy: ProxyProcess | null = null;
  const motes: Mote[] = [];
  let intruder: Mote | null = null;
  const port = () => proxy?.tcpPort ?? null;
  const readings = await readMotes();
  const cables = flags.serial
    ? await serialCables(port, site.folder, readings.size)
    : await tcpCables(port);
  try {
    await createTopics(kafka.bootstrap, [topic, `${site.prefix}headwater.loss`]);
    const lines = new Map<string, string>();
    if (secured !== null) {
      for (const device of readings.keys()) lines.set(device, await keyLine(site, device));
      view.say('each device has its key, Kafka wants TLS and a login');
    }
    proxy = await startProxy(site.config);
    view.say(`the proxy runs (site ${site.name}, topic ${topic})`);
    const [anyLine] = lines.values();
    const firmware = await (anyLine === undefined
      ? buildFirmware({
          entry: { file: join(projectFolder, 'examples/sensor-firmware/firmware.ts') },
          target: flags.target,
          minify: true,
        })
      : keyedFirmware(anyLine, flags.target));
    view.say(
      `the firmware is built for ${flags.target}: ${firmware.bytes} bytes with the SDK in it`,
    );
    // Two hundred readings a second, for as long as a busy machine may take to a link that is back.
    const bufferBytes = 32_768;
    const longest = Math.max(...[...readings.values()].map((all) => all.length));
    const everyMs = Math.max(1, Math.floor((seconds * 1000) / longest));
    let fail = (_error: Error) => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    failed.catch(() => {});
    const codeOf = async (line?: string) =>
      line === undefined ? firmware.code : (await keyedFirmware(line, flags.target)).code;
    for (const [device, all] of readings) {
      const code = await codeOf(lines.get(device));
      motes.push(
        await startMote({
          ...{ device, readings: all, code, everyMs, bufferBytes },
          port: cables.end(motes.length),
          onError: (error) => fail(error),
        }),
      );
    }
    if (secured !== null) {
      // It says that it is the first, and has the key of the second.
      const [device = ''] = readings.keys();
      const code = await codeOf([...lines.values()][1]);
      const all = readings.get(device) ?? [];
      intruder = await startMote({
        ...{ device, readings: all, code, everyMs, bufferBytes, port: cables.end(0) },
        onError: (error) => fail(error),
      });
    }
    const rows = () =>
      motes.map((mote) => {
        const sent = mote.sent.size;
        const buffered = mote.buffered();
        const total = readings.get(mote.device)?.length ?? 0;
        return { device: mote.device, sent, total, buffered, acknowledged: sent - buffered };
      });
    let inKafka: number | null = null;
    const drawing = setInterval(async () => {
      inKafka = (await proxy?.metric('headwater_events_committed_total')) ?? inKafka;
      view.draw(rows(), inKafka);
    }, 250);
    const part = (seconds * 1000) / 5;
    try {
      await sleep(part);
      view.say('the link is pulled');
      await cables.pull();
      await sleep(1_500);
      await cables.plug();
      view.say('the link is back');
      await sleep(part);
      view.say('the proxy is killed (SIGKILL)');
      await proxy.kill();
      proxy = null;
      await sleep(1_000);
      proxy = await startProxy(site.config);
      view.say('the proxy is back');
      await sleep(part);
      view.say('the link is pulled again');
      await cables.pull();
      await sleep(1_500);
      await cables.plug();
      view.say('the link is back');
      const asleep = await Promise.race([failed, Promise.all(motes.map((mote) => mote.asleep))]);
      if (asleep.includes(false)) throw new SetupError('a device could not flush its events');
    } finally {
      clearInterval(drawing);
    }
    view.draw(rows(), inKafka);
    view.say('all devices are asleep: everything is acknowledged; the proxy drains and ends');
    if (intruder !== null) {
      const { sent, acknowledged } = intruder;
      const refused = (await proxy.metric('headwater_outcomes_total', 'proof-wrong')) ?? 0;
      view.say(
        `the one with a wrong key got nowhere: ${acknowledged()} of its ${sent.size} events; refused ${refused} times`,
      );
      if (acknowledged() > 0 || refused === 0) throw new SetupError('it was let in');
    }
    const code = await proxy.stop();
    if (code !== 0) throw new SetupError(`the proxy ended with exit code ${code}`);
    proxy = null;
    view.say("Kafka's console consumer counts, read_committed …");
    const counter = createCounter();
    await consoleConsumer({ bootstrap: kafka.bootstrap, topic, take: counter.take });
    view.end();
    return counter.judge(new Map(motes.map((mote) => [mote.device, mote.sent])));
  } finally {
    for (const mote of motes) mote.stop();
    intruder?.stop();
    await proxy?.kill();
    await cables.close();
    await secured?.close();
    await site.remove();
  }
}

async function runningKafka(): Promise<{ bootstrap: string } | null> {
  const command = join(projectFolder, 'dist/test/kafka/kafka.js');
  const run = promisify(execFile)(process.execPath, [command, 'status', '--json']);
  const { stdout } = await run.catch(() => ({ stdout: 'null' }));
  return JSON.parse(stdout) as { bootstrap: string } | null;
}

// So that what was started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

if (flags.help) {
  console.log(help);
} else {
  try {
    const verdict = await demo();
    console.log(flags.json ? JSON.stringify(verdict) : sentence(verdict));
    process.exitCode = isClean(verdict) && verdict.accepted >= 18_000 ? 0 : 1;
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof SetupError) console.error(error.message);
    else throw error;
  }
  process.exit();
}
