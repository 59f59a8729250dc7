// A real Apache Kafka in KRaft mode, one node, run by the machine's Java: for tests, the demo and
// `npm run kafka`. Ports are the system's choice and are kept with the data, so that a broker that is
// started again on its folder answers at the same address.
// Invariant: a broker of this process ends with this process, however it ends (see guard).

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { ensureJars, type Log, SetupError } from './jars.js';

export { ensureJars } from './jars.js';

export interface Broker {
  bootstrap: string;
  pid: number;
  dataFolder: string;
  /** A second way in: it listens on `to` and tells clients to come to `from`, a free port. */
  detour: { from: number; to: number };
  /** Ends it in order and waits for that. */
  stop(): Promise<void>;
  /** After it ended: starts it on its folder, at its address. */
  restart(): Promise<Broker>;
  /** SIGKILL waits until it is gone; SIGSTOP and SIGCONT return at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface BrokerOptions {
  /** Made where it is missing; a folder used before goes on with its data and its ports. */
  dataFolder: string;
  log?: Log;
  /** Outlives this process: `npm run kafka`. */
  detached?: boolean;
  /** More lines for server.properties, over our own. */
  settings?: Record<string, string>;
  /** More listeners on 127.0.0.1, by name. */
  ways?: Record<string, { protocol: 'SSL' | 'SASL_SSL'; port: number }>;
  /** More flags of its Java. */
  javaFlags?: string[];
  /** One of several nodes that are started at the same time; without it, one alone. */
  node?: ClusterNode;
}

export interface ClusterNode {
  id: number;
  clusterId: string;
  /** Of all nodes, the first one's first. */
  controllerPorts: readonly number[];
}

const startTimeoutMs = 120_000;
const stopTimeoutMs = 30_000;

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const log = options.log ?? (() => {});
  const classPath = await ensureJars(log);
  const { dataFolder } = options;
  await mkdir(dataFolder, { recursive: true });
  const ports = await portsOf(dataFolder);
  const properties = join(dataFolder, 'server.properties');
  await writeFile(properties, serverProperties(options, ports));
  if (!existsSync(join(dataFolder, 'log', 'meta.properties'))) {
    await format(classPath, properties, options);
  }
  const child = launch(classPath, properties, options);
  const pid = child.pid;
  if (pid === undefined) throw new SetupError('`java` could not be started');
  const bootstrap = `127.0.0.1:${ports.broker}`;
  const endGuard = options.detached === true ? () => {} : guard(pid);
  const broker: Broker = {
    ...handle(child, endGuard),
    ...{ bootstrap, pid, dataFolder, detour: ports.detour },
    restart: () => startBroker(options),
  };
  try {
    await untilItAnswers(bootstrap, () => child.exitCode ?? child.signalCode);
  } catch (error) {
    await broker.kill('SIGKILL');
    throw new SetupError(`${(error as Error).message}\n${await tailOfLog(dataFolder)}`);
  }
  // A test run that has nothing more to do ends, and the broker with it.
  child.unref();
  return broker;
}

/** Resolves when the cluster has a broker that answers; rejects when `exited` says otherwise. */
export async function untilItAnswers(
  bootstrap: string,
  exited: () => unknown = () => null,
  timeoutMs = startTimeoutMs,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (exited() !== null) throw new Error(`Kafka ended while starting (${exited()})`);
    if (await answers(bootstrap)) return;
    await sleep(100);
  }
  throw new Error(`Kafka at ${bootstrap} did not answer within ${timeoutMs / 1000} s`);
}

export async function answers(bootstrap: string): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'headwater-dev',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 2000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function handle(child: ChildProcess, endGuard: () => void): Pick<Broker, 'stop' | 'kill'> {
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      endGuard();
      resolve();
    });
  });
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return;
    child.ref();
    await exited;
  };
  const stop = async () => {
    const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await kill('SIGTERM');
    clearTimeout(late);
  };
  return { stop, kill };
}

function launch(
  classPath: string,
  properties: string,
  { dataFolder, detached = false, javaFlags = [] }: BrokerOptions,
): ChildProcess {
  const output = openSync(join(dataFolder, 'broker.log'), 'a');
  const memory = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const flags = [...memory, ...javaFlags, '-cp', classPath];
  const child = spawn('java', [...flags, 'kafka.Kafka', properties], {
    stdio: ['ignore', output, output],
    detached,
  });
  closeSync(output);
  return child;
}

/**
 * Kills `pid` when this process is gone, SIGKILL included: the guard's standard input is a pipe
 * whose other end dies with us. The answer ends the guard without killing anything.
 */
export function guard(pid: number): () => void {
  const script = 'trap "" TERM INT HUP; cat > /dev/null; kill -9 "$1" 2> /dev/null';
  const watcher = spawn('sh', ['-c', script, 'guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  const pipe = watcher.stdin as typeof watcher.stdin & { unref(): void };
  pipe.unref();
  pipe.on('error', () => {});
  return () => {
    watcher.kill('SIGKILL');
    pipe.destroy();
  };
}

interface Ports {
  broker: number;
  controller: number;
  detour: { from: number; to: number };
}

async function portsOf(dataFolder: string): Promise<Ports> {
  const file = join(dataFolder, 'ports.json');
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as Ports;
  const ports = {
    broker: await freePort(),
    controller: await freePort(),
    detour: { from: await freePort(), to: await freePort() },
  };
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had');
  return address.port;
}

function serverProperties(options: BrokerOptions, ports: Ports) {
  const { dataFolder, node, settings = {}, ways = {} } = options;
  const { id, controllerPorts } = node ?? { id: 1, controllerPorts: [ports.controller] };
  const controller = controllerPorts[id - 1] ?? ports.controller;
  // Of one node: what Kafka keeps three of elsewhere.
  const replicas = `${Math.min(3, controllerPorts.length)}`;
  const inSync = controllerPorts.length < 3 ? '1' : '2';
  const more = Object.entries(ways);
  const moreUrls = more.map(([name, { port }]) => `${name}://127.0.0.1:${port}`);
  const protocols = [
    ...['PLAINTEXT:PLAINTEXT', 'DETOUR:PLAINTEXT', 'CONTROLLER:PLAINTEXT'],
    ...more.map(([name, { protocol }]) => `${name}:${protocol}`),
  ];
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': `${id}`,
    'controller.quorum.voters': controllerPorts
      .map((port, at) => `${at + 1}@127.0.0.1:${port}`)
      .join(','),
    listeners: [
      `PLAINTEXT://127.0.0.1:${ports.broker}`,
      `DETOUR://127.0.0.1:${ports.detour.to}`,
      `CONTROLLER://127.0.0.1:${controller}`,
      ...moreUrls,
    ].join(','),
    'advertised.listeners': [
      `PLAINTEXT://127.0.0.1:${ports.broker}`,
      `DETOUR://127.0.0.1:${ports.detour.from}`,
      ...moreUrls,
    ].join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': protocols.join(','),
    'log.dirs': join(dataFolder, 'log'),
    'num.partitions': '4',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // Records carry any time here, and Kafka deletes what is older than a week, first half a minute after its start.
    'log.retention.ms': '-1',
    // Starts in a second or two instead of ten.
    'offsets.topic.num.partitions': '2',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...settings,
  };
  return `${Object.entries(all)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

export const freshClusterId = () => randomBytes(16).toString('base64url').replace(/^-/, 'A');

async function format(
  classPath: string,
  properties: string,
  { dataFolder, node }: BrokerOptions,
): Promise<void> {
  const clusterId = node?.clusterId ?? freshClusterId();
  const output = openSync(join(dataFolder, 'broker.log'), 'a');
  const child = spawn(
    'java',
    [
      ...['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath],
      ...['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', properties],
    ],
    { stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new SetupError(`Kafka's format failed:\n${await tailOfLog(dataFolder)}`);
}

async function tailOfLog(dataFolder: string): Promise<string> {
  const text = await readFile(join(dataFolder, 'broker.log'), 'utf8').catch(() => '');
  return text.split('\n').slice(-15).join('\n');
}
