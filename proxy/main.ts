import { hostname } from 'node:os';
import { openRegistry } from './auth/registry.js';
import { KeysError } from './auth/registry-file.js';
import { type Balance, balanceText } from './books.js';
import { systemClock } from './clock.js';
import { complain } from './complain.js';
import { type Config, readConfig } from './config.js';
import { ConfigError } from './config-file.js';
import { nodeDisk } from './disk-node.js';
import { JournalError } from './journal/error.js';
import { compressionTrouble } from './kafka/compression.js';
import { startLaneThread } from './kafka/lane-thread.js';
import { checkLogin } from './kafka/login.js';
import { clientTrouble } from './kafka/open-sink.js';
import { checkCertificates } from './listeners/tls-certificates.js';
import { createLog, type Log } from './log.js';
import { HaltedError, type Pipeline, startPipeline } from './pipeline.js';
import { StartError } from './start-error.js';
import { openToOthers } from './tls-files.js';

// `headwater proxy`: from a configuration to a running pipeline, and from a signal to the books. What a
// person can mend is one line and an exit code, never a stack trace.

export interface ProxyOptions {
  config: string;
  /** Dotted keys that override the file. */
  flags: Record<string, string>;
  json: boolean;
}

/** Answers the exit code: 0 after a signal, 1 failed, 2 a mistake in the configuration. */
export async function runProxy(options: ProxyOptions): Promise<number> {
  try {
    const config = await readConfig(options.config, options.flags);
    await checkClient(options.config, config);
    if (config.listen.tls !== undefined) checkCertificates(config.listen.tls);
    const remarks = config.kafka === null ? [] : checkLogin(config.kafka, Date.now());
    remarks.push(...openSecrets(options.config, config));
    const json = options.json || process.stdout.isTTY !== true;
    const log = createLog(config.log.level, json);
    for (const remark of remarks) log.warn({}, remark);
    return await run(config, log, json);
  } catch (error) {
    const isMistake = error instanceof ConfigError || error instanceof KeysError;
    if (isMistake) return complain(error.message, 2);
    const isRefused = [StartError, JournalError, HaltedError].some((kind) => error instanceof kind);
    if (error instanceof Error && isRefused) return complain(error.message, 1);
    throw error;
  }
}

/** Secrets in a site.yaml that is not its owner's alone. */
function openSecrets(path: string, { kafka }: Config): string[] {
  const sasl: Record<string, unknown> = kafka?.sasl ?? {};
  const inEnvironment = {
    password: process.env.HEADWATER_KAFKA_SASL_PASSWORD,
    clientSecret: process.env.HEADWATER_KAFKA_SASL_CLIENT_SECRET,
  };
  return Object.entries(inEnvironment)
    .filter(([key, given]) => sasl[key] !== undefined && given === undefined)
    .flatMap(([key]) => openToOthers({ name: `kafka.sasl.${key}`, path }));
}

/** Before anything starts: its worker could only say it again and again. */
async function checkClient(path: string, { kafka }: Config): Promise<void> {
  if (kafka === null) return;
  const trouble = (await clientTrouble(kafka.client)) ?? compressionTrouble(kafka);
  if (trouble !== null) throw new ConfigError(`${path}: ${trouble}`);
}

async function run(config: Config, log: Log, json: boolean): Promise<number> {
  // Heard from here on, so that a signal during a slow start is not lost.
  const signal = firstSignal(log);
  const clock = systemClock();
  // Before anything listens: a registry that others may read or write is no registry.
  const keys = config.keys === undefined ? null : await openRegistry(config.keys, { clock, log });
  const pipeline = await startPipeline({
    ...{ config, log, clock, disk: nodeDisk(), startLane: startLaneThread, keys },
    host: `${hostname()}:${process.pid}`,
  });
  const { tcpPort, tlsPort, udpPort, httpPort } = pipeline;
  const kafka = config.kafka?.brokers.join(',') ?? null;
  const { site, ack, delivery } = config;
  const client = config.kafka?.client ?? null;
  log.info(
    { site, tcpPort, tlsPort, udpPort, httpPort, kafka, client, ack, delivery },
    'listening',
  );
  // The system clock's timers keep no process alive, and a start without a device has nothing else.
  const alive = setInterval(() => {}, 60_000);
  const why = await Promise.race([signal, pipeline.halted]);
  clearInterval(alive);
  const isHalted = why instanceof HaltedError;
  if (!isHalted) log.info({ drainTimeoutMs: config.limits.drainTimeoutMs }, `${why}: stopping`);
  const balanced = await closeBooks(pipeline, log, json);
  keys?.close();
  // The last line says why it ended, behind the books.
  if (isHalted) throw why;
  return balanced ? 0 : 1;
}

async function closeBooks(pipeline: Pipeline, log: Log, json: boolean): Promise<boolean> {
  // A timer of our own: while the lanes drain nothing else may keep the process alive.
  const alive = setInterval(() => {}, 1_000);
  const balance: Balance = await pipeline.stop().finally(() => clearInterval(alive));
  if (json) log.info({ books: balance }, 'books');
  else process.stdout.write(`${balanceText(balance)}\n`);
  if (!balance.balanced) log.error({}, 'the books do not balance: please report it');
  return balance.balanced;
}

/** A second one ends the process at once, and with 0 like the first: the journal survives it. */
function firstSignal(log: Log): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let heard = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (heard) {
          log.info({}, `${signal} again: ended at once; what Kafka lacks is in the journal`);
          process.exit(0);
        }
        heard = true;
        resolve(signal);
      });
    }
  });
}
