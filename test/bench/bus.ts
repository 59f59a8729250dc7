// `npm run bus`: a round of 32 drops, computed from the bytes of PROTOCOL.md §14 and measured on a simulated bus with true byte times: the
// proxy's master and sessions, devices of the SDK. In virtual time, so that it is the same on every machine.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeEnvelope, isEnvelope } from '../../proxy/envelope.js';
import { FrameReader } from '../../proxy/frame.js';
import { DATA, POLL } from '../../sdk/wire.js';
import { type BusDevice, busSite } from '../bus/bus-site.js';
import { projectFolder } from '../kafka/jars.js';
import { median } from './figures/figure.js';

const drops = Array.from({ length: 32 }, (_, at) => at + 1);
/** From a POLL's last byte to the first of its answer: a device that is not busy. */
const reactionMs = 0.5;
const turnaroundMs = 2;
const seconds = 10;
const stepMs = 100;
const waitingMax = 250;
/** POLL and END with what stands around them, a 0x00 before each: two lengths of address, as many drops have. */
const pollBytes = (address: number) => (address < 24 ? 16 : 17);
const endBytes = (address: number) => (address < 24 ? 14 : 15);
/** Of a full frame of the SDK: an envelope's head, COBS, a 0x00 before and behind. */
const aroundFrame = (address: number) => (address < 24 ? 8 : 9);

interface Row {
  baudRate: number;
  computedMs: number;
  roundsMs: number[];
  /** Of the time the bus carries anything, and frames of events alone. */
  use: number;
  eventsUse: number;
  perSecond: number;
}

async function measure(baudRate: number, isBusy: boolean): Promise<Row> {
  const site = await busSite({ drops, turnaroundMs, roundMs: 1 }, baudRate);
  const { scheduler, bus } = site;
  const devices = drops.map(site.device);
  for (const device of devices) device.delayMs = reactionMs;
  const polledAtMs: number[] = [];
  const sizes: number[] = [];
  const tap = new FrameReader({
    frame(frame) {
      const envelope = isEnvelope(frame) ? decodeEnvelope(frame) : null;
      const type = envelope?.frame[0];
      if (type === POLL && envelope?.channel === 1) polledAtMs.push(scheduler.nowMs);
      if (type === DATA) sizes.push(envelope!.frame.length);
    },
    broken() {},
  });
  bus.join((bytes) => tap.push(bytes));
  /** Always something to send, and never more than a store holds. */
  const load = (device: BusDevice, at: number) => {
    while (device.accepted < site.journaled(drops[at]!) + waitingMax) device.send();
  };
  const run = async (ms: number) => {
    for (let step = 0; step < ms / stepMs; step++) {
      if (isBusy) devices.forEach(load);
      await site.run(stepMs);
    }
  };
  await run(6_000);
  polledAtMs.length = sizes.length = 0;
  const busyMs = bus.busyMs;
  const before = total(site.journaled);
  await run(seconds * 1_000);
  const frameBytes = sizes.reduce((sum, size) => sum + size, 0);
  const meanFrame = isBusy ? frameBytes / sizes.length : 0;
  const turnBytes = drops.map((at) => {
    const frame = isBusy ? meanFrame + aroundFrame(at) : 0;
    return pollBytes(at) + endBytes(at) + frame * (sizes.length / drops.length / polledAtMs.length);
  });
  const byteMs = 10_000 / baudRate;
  const computedMs = turnBytes.reduce(
    (sum, bytes) => sum + bytes * byteMs + reactionMs + turnaroundMs,
    0,
  );
  return {
    ...{ baudRate, computedMs },
    roundsMs: polledAtMs.slice(1).map((at, index) => at - polledAtMs[index]!),
    use: (bus.busyMs - busyMs) / (seconds * 1_000),
    eventsUse: (frameBytes * byteMs) / (seconds * 1_000),
    perSecond: (total(site.journaled) - before) / seconds,
  };
}

const total = (journaled: (address: number) => number) =>
  drops.reduce((sum, address) => sum + journaled(address), 0);

function line(load: string, row: Row): string {
  const sorted = row.roundsMs.sort((a, b) => a - b);
  const [least, middle, most] = [sorted[0]!, median(sorted), sorted.at(-1)!];
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return (
    `| ${row.baudRate.toLocaleString('en')} | ${load} | ${row.computedMs.toFixed(0)} | ` +
    `${least.toFixed(0)} / ${middle.toFixed(0)} / ${most.toFixed(0)} | ${percent(row.use)} | ${percent(row.eventsUse)} | ` +
    `${row.perSecond.toLocaleString('en')} |`
  );
}

const { values } = parseArgs({ options: { write: { type: 'boolean' } } });
const rows = [
  '| baud | load | a round, computed ms | measured ms, min / median / max | line in use | of it frames of events | events/s |',
  '| ---: | --- | ---: | ---: | ---: | ---: | ---: |',
];
for (const baudRate of [115_200, 921_600]) {
  rows.push(line('none', await measure(baudRate, false)));
  rows.push(line('full', await measure(baudRate, true)));
}
console.log(rows.join('\n'));
if (values.write === true) {
  const path = join(projectFolder, 'docs/RS485.md');
  const page = await readFile(path, 'utf8');
  const between = /(<!-- bus: .*? -->\n)[\s\S]*?(\n<!-- \/bus -->)/;
  if (!between.test(page)) throw new Error('docs/RS485.md has no place for the figures');
  await writeFile(path, page.replace(between, `$1\n${rows.join('\n')}\n$2`));
}
