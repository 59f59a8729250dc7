// `npm run lines`: how much of a serial line's rate carries frames under load, and what busy lines cost the gateway and the proxy. Real
// pseudo-terminals, which have no rate: the device's end paces its bytes as a UART would. Devices are instances of the SDK in this process.

import { readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { nodeStream } from '../../sdk/links/node-stream.js';
import { sdkFactory } from '../../targets/instance.js';
import { projectFolder } from '../kafka/jars.js';
import { startGateway } from '../site/gateway-process.js';
import { LineScene } from '../site/line-scene.js';
import { startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';

const help = `Usage: npm run lines -- [--seconds S] [--write]

How much of one serial line carries frames under load, at 115,200 and 921,600 baud, and what 16 busy lines at 115,200 cost:
eight of a gateway and eight of the proxy's own. No Kafka: the events stay in the journal.

  --seconds S  of each measurement (10), behind two to warm up
  --write      the table into examples/serial-gateway/README.md
  --help       this text`;

interface Uart {
  stream(): Duplex;
  bytes: number;
}

/** Bytes leave at the line's rate; what was there in time goes without a pause, however late a timer is. */
function pacedUart(send: (bytes: Uint8Array) => void, baudRate: number): Uart & Incoming {
  const byteMs = 10_000 / baudRate;
  let current: Duplex | null = null;
  let freeAtMs = 0;
  let goesOn = false;
  const uart = {
    bytes: 0,
    received: (bytes: Uint8Array) => void current?.push(Uint8Array.from(bytes)),
    stream() {
      current?.destroy();
      current = new Duplex({
        writableHighWaterMark: 512,
        read() {},
        write(chunk: Uint8Array, _encoding, done) {
          send(chunk);
          uart.bytes += chunk.length;
          const now = performance.now();
          freeAtMs = (goesOn ? freeAtMs : Math.max(now, freeAtMs)) + chunk.length * byteMs;
          setTimeout(() => {
            goesOn = true;
            done();
            goesOn = false;
          }, freeAtMs - now);
        },
      });
      return current;
    },
  };
  return uart;
}

interface Incoming {
  received(bytes: Uint8Array): void;
}

interface Row {
  baudRate: number;
  lines: number;
  /** Of what the lines could carry from devices: the worst of them, and all. */
  worst: number;
  share: number;
  events: number;
  gateway: Cost;
  proxy: Cost;
}

interface Cost {
  cores: number;
  mebibytes: number;
}

const instantiate = await sdkFactory();

async function measure(lines: number, baudRate: number, seconds: number): Promise<Row> {
  const scene = new LineScene();
  try {
    const ptys = await Promise.all(Array.from({ length: lines }, () => scene.line()));
    const paths = ptys.map(({ pty }) => ({ path: pty.path, baudRate }));
    const bridged = paths.slice(0, Math.ceil(lines / 2));
    const serial = paths.slice(bridged.length);
    const tcp = { host: '127.0.0.1', port: 0, auth: 'none' };
    const open = serial.map((line) => ({ ...line, auth: 'none' }));
    const listen = { tcp, serial: open };
    const site = await makeSite({ bootstrap: null, label: 'bench-lines', overrides: { listen } });
    scene.add(site, (site) => site.remove());
    const proxy = scene.add(await startProxy(site.config), (proxy) => proxy.kill());
    const gateway = await startGateway(site.folder, {
      proxy: { host: '127.0.0.1', port: proxy.tcpPort },
      lines: bridged,
    });
    scene.add(gateway, (gateway) => gateway.kill());
    const devices = ptys.map(({ pty }, at) => {
      const uart = pacedUart((bytes) => pty.far.send(bytes), baudRate);
      pty.far.onBytes = uart.received;
      return { uart, acknowledged: load(`line-${at}`, uart, scene) };
    });
    await sleep(2_000);
    const bytes = devices.map(({ uart }) => uart.bytes);
    const before = devices.map(({ acknowledged }) => acknowledged());
    const [ofGateway, ofProxy] = [await cost(gateway.pid), await cost(proxy.pid)];
    const beganMs = performance.now();
    await sleep(seconds * 1_000);
    const lasted = (performance.now() - beganMs) / 1_000;
    const shares = devices.map(
      ({ uart }, at) => (uart.bytes - bytes[at]!) / ((baudRate / 10) * lasted),
    );
    const events = devices.reduce(
      (sum, { acknowledged }, at) => sum + acknowledged() - before[at]!,
      0,
    );
    return {
      ...{ baudRate, lines, worst: Math.min(...shares), events: events / lasted },
      share: shares.reduce((sum, share) => sum + share, 0) / lines,
      gateway: since(ofGateway, await cost(gateway.pid), lasted),
      proxy: since(ofProxy, await cost(proxy.pid), lasted),
    };
  } finally {
    await scene.end();
  }
}

/** Always something to send, and never more than the store holds. Answers how many events were acknowledged. */
function load(device: string, uart: Uart, scene: LineScene): () => number {
  const sdk = instantiate({
    clock: () => Math.floor(performance.now()),
    random: Math.random,
    after: (task, delayMs) => setTimeout(task, delayMs),
    cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
  });
  const climate = sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(2) });
  const link = nodeStream(() => uart.stream());
  const bufferBytes = 32_768;
  const hw = sdk.producer({ device, link, bufferBytes, lingerMs: 50, retryBackoffMs: 100 });
  const fill = () => {
    while (sdk.stats().buffered < bufferBytes / 16) {
      hw.send(climate, { t: 20 + Math.random(), rh: 40 + Math.random() });
    }
  };
  scene.add(setInterval(fill, 2), clearInterval);
  scene.add(link, (link) => link.close());
  return () => sdk.stats().acknowledged;
}

async function cost(pid: number): Promise<{ ticks: number; mebibytes: number }> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const kibibytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return { ticks: Number(fields[11]) + Number(fields[12]), mebibytes: kibibytes / 1_024 };
}

/** A tick is 10 ms. */
const since = (
  before: { ticks: number },
  after: { ticks: number; mebibytes: number },
  seconds: number,
): Cost => ({ cores: (after.ticks - before.ticks) / 100 / seconds, mebibytes: after.mebibytes });

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, write: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help === true) {
  console.log(help);
  process.exit(0);
}
const seconds = Number(values.seconds ?? 10);
if (!(seconds > 0)) {
  console.error(`npm run lines: --seconds ${values.seconds}: not a number above 0; see --help`);
  process.exit(2);
}
const rows = [
  '| lines | baud | frames, % of the rate: all, the worst line | events/s | gateway: cores, MiB | proxy: cores, MiB |',
  '| ---: | ---: | ---: | ---: | ---: | ---: |',
];
for (const [lines, baudRate] of [
  [1, 115_200],
  [1, 921_600],
  [16, 115_200],
] as const) {
  console.error(`${lines} at ${baudRate} baud …`);
  const row = await measure(lines, baudRate, seconds);
  const percent = (share: number) => (100 * share).toFixed(1);
  const text = ({ cores, mebibytes }: Cost) => `${cores.toFixed(2)}, ${mebibytes.toFixed(0)}`;
  rows.push(
    `| ${lines} | ${baudRate.toLocaleString('en')} | ${percent(row.share)}, ${percent(row.worst)} | ` +
      `${Math.round(row.events).toLocaleString('en')} | ${text(row.gateway)} | ${text(row.proxy)} |`,
  );
}
rows.push('', `Load ${loadavg()[0]!.toFixed(1)} at the end, devices on the same 2 cores.`);
console.log(rows.join('\n'));
if (values.write === true) {
  const path = join(projectFolder, 'examples/serial-gateway/README.md');
  const page = await readFile(path, 'utf8');
  const between = /(<!-- lines: .*? -->\n)[\s\S]*?(\n<!-- \/lines -->)/;
  if (!between.test(page)) throw new Error(`${path} has no place for the figures`);
  await writeFile(path, page.replace(between, `$1\n${rows.join('\n')}\n$2`));
}
process.exit(0);
