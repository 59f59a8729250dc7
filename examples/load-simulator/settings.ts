// What the command line says, checked whole before anything starts: a mistake names the option, what it is, and what to write.

import { type Config, ConfigError, checkLogin, readConfig } from 'headwater/site';
import { type Disturbance, parseDisturbance } from './disturbances.js';
import { keysFor } from './keys.js';
import type { ReaderOrder } from './proof/messages.js';
import { durationMs, wholeNumber } from './words.js';
import { shapeWorkload, type Workload } from './workload.js';

/** As commander hands it on. */
export interface SimulateOptions {
  config?: string;
  proxy?: string;
  brokers?: string;
  prefix?: string;
  devices?: string;
  rate?: string;
  shape?: string;
  trace?: string;
  columns?: string;
  speed?: string;
  duration?: string;
  events?: string;
  seed: string;
  with?: string[];
  stream: string;
  name: string;
  buffer?: string;
  linger: string;
  patience: string;
  createTopics?: boolean | string;
  proof: boolean;
  proxyPid?: string;
  report?: string;
  json?: boolean;
}

export type Shape = 'steady' | 'bursts' | 'power-cut';

export interface Settings {
  proxy: { host: string; port: number };
  /** Null: nothing is proven. */
  proof: Omit<ReaderOrder, 'namePrefix'> | null;
  mayRepeat: boolean;
  devices: number;
  namePrefix: string;
  /** The devices' names. */
  names: readonly string[];
  /** Of each; null: the proxy asks for none. */
  keys: ReadonlyMap<string, string> | null;
  /** Events a second of all devices together; null: as the trace says. */
  rate: number | 'max' | null;
  shape: Shape;
  workload: Workload;
  durationMs: number;
  eventsMax: number;
  seed: number;
  disturbances: Disturbance[];
  skewPpm: number;
  bufferBytes: number;
  lingerMs: number;
  /** How long a wait goes on in which nothing moves. */
  patienceMs: number;
  proxyPid: number | null;
  report: string | null;
  isJson: boolean;
}

const shapes: readonly string[] = ['steady', 'bursts', 'power-cut'];
const devicesMax = 10_000;
const rateMax = 10_000_000;
const defaults = { bufferBytes: 2_048, durationMs: 30_000, devices: 10 };
/** What the shape power-cut does besides sending. */
const powerCut = 'power:every=20s,for=2s';

/** All of them come from one address. */
function checkConnections(devices: number, config: Config | null, path = ''): void {
  if (config === null) return;
  const { connectionsMax, addressShare } = config.limits;
  const most = Math.floor(connectionsMax * addressShare);
  if (devices <= most) return;
  throw new ConfigError(
    `--devices ${devices}: the proxy takes ${most} connections of one address; raise limits.connectionsMax, or limits.addressShare to 1, in ${path}`,
  );
}

export async function readSettings(options: SimulateOptions): Promise<Settings> {
  const config = options.config === undefined ? null : await readConfig(options.config);
  const shape = options.shape ?? 'steady';
  if (!shapes.includes(shape)) {
    throw new ConfigError(`--shape ${shape}: expected ${shapes.join(', ')}`);
  }
  const asked =
    options.devices === undefined ? null : wholeNumber('--devices', options.devices, 1, devicesMax);
  const workload = await workloadOf(options, asked);
  const devices = asked ?? workload.devices ?? defaults.devices;
  checkConnections(devices, config, options.config);
  const rate = rateOf(options, workload, devices);
  const words = [...(options.with ?? []), ...(shape === 'power-cut' ? [powerCut] : [])];
  const disturbances = words.map(parseDisturbance);
  const skews = disturbances.filter(({ kind }) => kind === 'skew');
  if (skews.length > 1) throw new ConfigError('--with skew: once, it is of all devices');
  const names = namesOf(options.name, devices, workload);
  const bufferBytes = rate === 'max' ? floodBytes(devices) : defaults.bufferBytes;
  return {
    proxy: proxyOf(options.proxy, config),
    proof: options.proof ? proofOf(options, config) : null,
    mayRepeat: config?.delivery === 'at-least-once',
    ...{ devices, rate, shape: shape as Shape, workload },
    namePrefix: options.name,
    names,
    keys: await keysFor(names, config, options.config),
    durationMs: lengthOf(options, workload),
    eventsMax:
      options.events === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber('--events', options.events, 1, 1e12),
    seed: wholeNumber('--seed', options.seed, 0, 0xffff_ffff),
    disturbances: disturbances.filter(({ kind }) => kind !== 'skew'),
    skewPpm: skews.at(-1)?.ppm ?? 0,
    bufferBytes:
      options.buffer === undefined
        ? bufferBytes
        : wholeNumber('--buffer', options.buffer, 1_024, 16 * 1024 * 1024),
    lingerMs: durationMs('--linger', options.linger),
    patienceMs: durationMs('--patience', options.patience),
    proxyPid: options.proxyPid === undefined ? null : pidOf(options.proxyPid),
    report: options.report ?? null,
    isJson: options.json === true,
  };
}

function namesOf(prefix: string, devices: number, { names }: Workload): string[] {
  const digits = String(devices).length;
  const all = Array.from({ length: devices }, (_, index) => {
    const given = names?.[index] ?? String(index + 1).padStart(digits, '0');
    return `${prefix}${given}`;
  });
  const odd = all.find((name) => !/^[ -~]{1,64}$/.test(name));
  if (odd === undefined) return all;
  throw new ConfigError(
    `--name ${prefix}: a device would be called "${odd}"; expected 1 to 64 characters of ASCII`,
  );
}

function pidOf(text: string): number {
  const pid = wholeNumber('--proxy-pid', text, 1, 0x7fff_ffff);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
      throw new ConfigError(`--proxy-pid ${text}: there is no such process here`);
    }
  }
  return pid;
}

/** All together so much is on its way at most: more would only wait. */
function floodBytes(devices: number): number {
  return Math.min(8_192, Math.max(1_024, Math.floor(1_048_576 / devices)));
}

async function workloadOf(options: SimulateOptions, devices: number | null): Promise<Workload> {
  const { trace, columns, stream, shape } = options;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(stream) || /^\.\.?$|^headwater\./.test(stream)) {
    throw new ConfigError(
      `--stream ${stream}: expected 1 to 64 of letters, digits, . _ -; headwater.… is the proxy's own`,
    );
  }
  if (trace === undefined) {
    if (columns !== undefined) throw new ConfigError('--columns: goes with --trace FILE.csv');
    if (options.speed !== undefined) throw new ConfigError('--speed: goes with --trace');
    return shapeWorkload(stream);
  }
  if (shape === 'bursts') {
    throw new ConfigError('--shape bursts: a trace has times of its own; leave out --trace');
  }
  const { traceWorkload } = await import('./trace.js');
  const speed = options.speed === undefined ? 1 : Number(options.speed);
  if (!(speed > 0)) throw new ConfigError(`--speed ${options.speed}: expected a number above 0`);
  return traceWorkload({
    ...{ trace, columns, stream, speed, devices },
    namePrefix: options.name,
    isPaced: options.rate !== undefined,
  });
}

function rateOf(options: SimulateOptions, workload: Workload, devices: number) {
  const { rate } = options;
  if (rate === 'max') return 'max';
  if (rate === undefined) return workload.timeMs === undefined ? devices : null;
  if (options.speed !== undefined) {
    throw new ConfigError('--rate and --speed: both say when a trace is played; give one');
  }
  const number = Number(rate);
  if (/^\d+(\.\d+)?$/.test(rate) && number > 0 && number <= rateMax) return number;
  throw new ConfigError(
    `--rate ${rate}: expected events per second, up to ${rateMax.toLocaleString('en')}, or max`,
  );
}

/** A trace has an end of its own, and so has a number of events. */
function lengthOf({ duration, events }: SimulateOptions, workload: Workload): number {
  if (duration !== undefined) return durationMs('--duration', duration);
  const hasEnd = events !== undefined || workload.rows !== undefined;
  return hasEnd ? Number.POSITIVE_INFINITY : defaults.durationMs;
}

function proxyOf(text: string | undefined, config: Config | null): Settings['proxy'] {
  if (text === undefined) {
    if (config !== null && config.listen.tcp === null) {
      throw new ConfigError(
        '--proxy host:port: listen.tcp is false in the file, and devices are played by TCP',
      );
    }
    const { host, port } = config?.listen.tcp ?? { host: '127.0.0.1', port: 4510 };
    if (port === 0) throw new ConfigError('--proxy host:port: listen.tcp.port is 0 in the file');
    return { host: host === '0.0.0.0' ? '127.0.0.1' : host, port };
  }
  return addressOf('--proxy', text);
}

function addressOf(option: string, text: string): { host: string; port: number } {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && port >= 1 && port <= 65_535) return { host: (match[1] ?? match[2])!, port };
  throw new ConfigError(`${option} ${text}: expected host:port, with a port from 1 to 65535`);
}

function proofOf(options: SimulateOptions, config: Config | null): Settings['proof'] {
  const kafka = config?.kafka ?? null;
  const given = options.brokers?.split(',');
  for (const broker of given ?? []) addressOf('--brokers', broker);
  const brokers = given ?? kafka?.brokers;
  if (brokers === undefined) {
    const where = config === null ? '' : `${options.config} has no section kafka: `;
    throw new ConfigError(
      `${where}the proof reads Kafka. Say --config site.yaml, or --brokers host:port --prefix press-hall. ; or --no-proof`,
    );
  }
  const prefix = options.prefix ?? kafka?.topics.prefix;
  if (prefix === undefined) {
    throw new ConfigError(
      '--prefix: what the proxy sets before a stream to name its topic, as press-hall. (or say --config site.yaml)',
    );
  }
  const isGiven = options.prefix === undefined && kafka !== null;
  if (kafka !== null) checkLogin(kafka, Date.now());
  const { createTopics } = options;
  return {
    brokers,
    login: { ssl: kafka?.ssl, sasl: kafka?.sasl },
    topic: (isGiven ? kafka.topics.routes[options.stream] : undefined) ?? prefix + options.stream,
    loss: isGiven ? kafka.topics.loss : `${prefix}headwater.loss`,
    dead: isGiven ? kafka.topics.dead : `${prefix}headwater.dead`,
    value: kafka?.value ?? 'json',
    create:
      createTopics === undefined || createTopics === false
        ? null
        : createTopics === true
          ? 4
          : wholeNumber('--create-topics', createTopics, 1, 10_000),
  };
}
