// One broker for all test files of one run: started by the first that asks, gone with the process.
// KAFKA_BROKERS=host:port puts another one in its place (tests that stop Kafka start their own).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, startBroker } from './broker.js';

let starting: Promise<string> | null = null;

/** The bootstrap address, `host:port[,host:port]`. */
export function sharedBroker(): Promise<string> {
  starting ??= start();
  return starting;
}

async function start(): Promise<string> {
  const given = process.env.KAFKA_BROKERS;
  if (given !== undefined && given !== '') return given;
  return (await temporaryBroker((line) => process.stderr.write(`${line}\n`))).bootstrap;
}

/** A broker of one's own in a temporary folder, for tests that stop or kill it. */
export async function temporaryBroker(log: (line: string) => void = () => {}): Promise<Broker> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'headwater-kafka-'));
  const broker = await startBroker({ dataFolder, log });
  process.on('exit', () => {
    try {
      process.kill(broker.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 3 });
  });
  return broker;
}
