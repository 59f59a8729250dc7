// One broker for all test files of one run: started by the first that asks, gone with the process.
// KAFKA_BROKERS=host:port puts another one in its place (tests that stop Kafka start their own).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, type BrokerOptions, startBroker } from './broker.js';

let starting: Promise<Broker> | null = null;

/** The bootstrap address, `host:port[,host:port]`. */
export async function sharedBroker(): Promise<string> {
  return givenBrokers() ?? (await ownBroker()).bootstrap;
}

/** Its second way in, for a proxy put in between; null where the broker is not ours. */
export async function sharedDetour(): Promise<Broker['detour'] | null> {
  return givenBrokers() === null ? (await ownBroker()).detour : null;
}

function givenBrokers(): string | null {
  const given = process.env.KAFKA_BROKERS;
  return given === undefined || given === '' ? null : given;
}

function ownBroker(): Promise<Broker> {
  starting ??= temporaryBroker((line) => process.stderr.write(`${line}\n`));
  return starting;
}

/** Kafka's waits are made for clusters; what each would cost a test stands beside it. */
const impatience: Record<string, string> = {
  // Looks for transactions past their time-out: every 10 s.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  // A broker that was killed may not come back before its session is over: 9 s.
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
};

/** A broker of one's own in a temporary folder, for tests that stop or kill it. */
export async function temporaryBroker(
  log: (line: string) => void = () => {},
  more: Record<string, string> = {},
  others: Pick<BrokerOptions, 'javaFlags' | 'ways'> = {},
): Promise<Broker> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'headwater-kafka-'));
  const settings = { ...impatience, ...more };
  let pid = 0;
  process.on('exit', () => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 3 });
  });
  const started = (broker: Broker): Broker => {
    pid = broker.pid;
    return { ...broker, restart: async () => started(await broker.restart()) };
  };
  return started(await startBroker({ dataFolder, log, settings, ...others }));
}
