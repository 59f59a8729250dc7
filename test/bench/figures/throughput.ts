// How many events a second go from device frames into Kafka, and what one costs, beside bare kafkajs with the same records, broker, number
// of lanes and size of transactions.

import { createTopics } from '../../kafka/topics.js';
import { addKeys } from '../../site/device-keys.js';
import type { Site } from '../../site/site.js';
import { until } from '../../site/until.js';
import { benchProxy } from '../bench-proxy.js';
import { startChild } from '../child.js';
import { stream } from '../device-frames.js';
import type { FloodMessage } from '../flood.js';
import { perfTest } from '../perf-test.js';
import { cpuMs, watchResident } from '../process-cost.js';
import { prove } from '../proof.js';
import type { RawMessage } from '../raw.js';
import { type Figure, median, ratio, type Scene, spread, values } from './figure.js';

interface Throughput {
  perSecond: number;
  /** User and system, of all threads of the process that speaks to Kafka: µs an event. */
  cpuUs: number;
  /** At most, of that process. */
  residentMb: number;
}

const devices = 50;
const blockEvents = 20;
/** The proxy's default: kafka.recordsMax. */
const recordsMax = 2_000;
/** What kafkajs is at its cheapest with. */
const requestSize = 500;

export async function throughputOfProxy(
  { bootstrap, events }: Scene,
  options: {
    delivery: string;
    deviceCount?: number;
    client?: string;
    lanes?: number;
    program?: string;
    isKeyed?: boolean;
  },
): Promise<Throughput> {
  const {
    delivery,
    deviceCount = devices,
    client = 'kafkajs',
    lanes = 1,
    program,
    isKeyed,
  } = options;
  let environment: Record<string, string> = {};
  const prepare = async (site: Site) => {
    if (!isKeyed) return;
    const keys = await addKeys(site.config, namesOf(deviceCount));
    environment = { LOAD_KEYS: JSON.stringify(Object.fromEntries(keys)) };
  };
  const listen = { tcp: { host: '127.0.0.1', port: 0, auth: 'keys' } };
  const overrides = isKeyed ? { delivery, listen, keys: './devices.keys' } : { delivery };
  const flags = ['--set', `kafka.client=${client}`, '--set', `kafka.lanes=${lanes}`];
  const start = program === undefined ? {} : { program };
  const { site, proxy, end } = await benchProxy(bootstrap, overrides, {
    ...{ flags, prepare, ...start },
  });
  const words = [proxy.tcpPort, deviceCount, blockEvents, Math.floor(events / 4), events];
  const flood = startChild<FloodMessage>('flood.js', words, undefined, environment);
  let all = 0;
  const resident = watchResident(proxy.pid);
  const phase = async (): Promise<Throughput> => {
    const { events: these } = await flood.hears('ready');
    all += these;
    const [begin, cpu] = [performance.now(), await cpuMs(proxy.pid)];
    flood.go();
    await flood.hears('acknowledged');
    const committed = () => proxy.metric('headwater_events_committed_total');
    await until(async () => (await committed()) === all, { lookMs: 50 });
    const ms = performance.now() - begin;
    const spentMs = (await cpuMs(proxy.pid)) - cpu;
    const residentMb = resident.mostMb();
    return { perSecond: (these / ms) * 1000, cpuUs: (spentMs * 1000) / these, residentMb };
  };
  try {
    // The first one warms the code up.
    await phase();
    const measured = await phase();
    const sent = new Map(namesOf(deviceCount).map((name) => [name, all / deviceCount]));
    await prove(bootstrap, site.prefix + stream, sent);
    return measured;
  } finally {
    resident.end();
    flood.end();
    await end();
  }
}

/** As flood.ts calls its devices. */
function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `press-${n}`);
}

export async function throughputOfRaw(
  { bootstrap, events }: Scene,
  mode: 'exactly-once' | 'idempotent',
  {
    client = 'kafkajs',
    lanes = 1,
    program,
  }: { client?: string; lanes?: number; program?: string } = {},
): Promise<Omit<Throughput, 'residentMb'>> {
  const size = mode === 'exactly-once' ? recordsMax : requestSize;
  const topic = `raw-${mode}-${process.pid}-${Date.now()}`;
  const topics = Array.from({ length: lanes }, (_, lane) => `${topic}-${lane}`);
  await createTopics(bootstrap, topics, 4);
  await createTopics(
    bootstrap,
    topics.map((one) => `${one}.positions`),
    1,
  );
  const share = Math.floor((events * 1.25) / lanes);
  // Its own process for each: the fastest way to several lanes.
  const all = topics.map((one) => {
    const words = [bootstrap, one, mode, share, devices, size];
    return startChild<RawMessage>(`raw-${client}.js`, words, program);
  });
  try {
    await Promise.all(all.map((raw) => raw.hears('ready')));
    for (const raw of all) raw.go();
    const done = await Promise.all(all.map((raw) => raw.hears('done')));
    const sumOf = (name: 'records' | 'cpuMs') => done.reduce((sum, one) => sum + one[name], 0);
    const records = sumOf('records');
    const ms = Math.max(...done.map((one) => one.ms));
    return { perSecond: (records / ms) * 1000, cpuUs: (sumOf('cpuMs') * 1000) / records };
  } finally {
    for (const raw of all) raw.end();
  }
}

export const throughput: Figure = {
  name: 'throughput',
  about: `device frames into Kafka, ${devices} devices, blocks of ${blockEvents}, three readings`,
  async measure(scene) {
    const rawExact = await throughputOfRaw(scene, 'exactly-once');
    const exact = await throughputOfProxy(scene, { delivery: 'exactly-once' });
    const rawIdempotent = await throughputOfRaw(scene, 'idempotent');
    const once = await throughputOfProxy(scene, { delivery: 'at-least-once' });
    const perfExact = await perfTest(scene.bootstrap, 'exactly-once', scene.events);
    const perfIdempotent = await perfTest(scene.bootstrap, 'idempotent', scene.events);
    return {
      ...{ exact: exact.perSecond, exactUs: exact.cpuUs },
      ...{ once: once.perSecond, onceUs: once.cpuUs },
      ...{ rawExact: rawExact.perSecond, rawExactUs: rawExact.cpuUs, perfExact, perfIdempotent },
      ...{ rawIdempotent: rawIdempotent.perSecond, rawIdempotentUs: rawIdempotent.cpuUs },
    };
  },
  lines(samples) {
    const of = (name: string, digits?: number) => spread(values(samples, name), digits);
    const exact = ratio(samples, 'exact', 'rawExact');
    const idempotent = ratio(samples, 'exact', 'rawIdempotent');
    const aboveUs = median(values(samples, 'exactUs')) - median(values(samples, 'rawExactUs'));
    return [
      {
        what: 'events/s, exactly-once, one lane',
        measured: of('exact'),
        reference: `bare kafkajs: exactly-once ${of('rawExact')}, idempotent ${of('rawIdempotent')}; kafka-producer-perf-test, exactly-once ${of('perfExact')}`,
        goal: `≥ 0.85 × bare exactly-once: ${exact.toFixed(2)} (${idempotent.toFixed(2)} × idempotent)`,
        isMet: exact >= 0.85,
      },
      {
        what: 'events/s, at-least-once',
        measured: of('once'),
        reference: `bare kafkajs, idempotent ${of('rawIdempotent')}; kafka-producer-perf-test ${of('perfIdempotent')}`,
        goal: `none: ${ratio(samples, 'once', 'rawIdempotent').toFixed(2)} × idempotent`,
        isMet: true,
      },
      {
        what: 'CPU, µs an event, exactly-once',
        measured: of('exactUs', 1),
        reference: `bare kafkajs ${of('rawExactUs', 1)}`,
        goal: `≤ 4 above bare: ${aboveUs.toFixed(1)}`,
        isMet: aboveUs <= 4,
      },
    ];
  },
};
