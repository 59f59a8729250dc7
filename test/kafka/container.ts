// Apache Kafka's own image, where Docker answers: the same single node as broker.ts, for
// `npm run kafka` on a machine without Java.

import { execFile } from 'node:child_process';
import { freePort } from './broker.js';
import { kafkaVersion, SetupError } from './jars.js';

const image = `apache/kafka:${kafkaVersion}`;

/** Whether an engine answers: a client alone is no Docker. */
export async function dockerAnswers(): Promise<boolean> {
  return (await docker(['info', '--format', '{{.ServerVersion}}'], 5000)).code === 0;
}

/** Starts the container and says at which address it is going to answer. */
export async function startContainer(name: string): Promise<{ bootstrap: string }> {
  const port = await freePort();
  const settings: Record<string, string> = {
    NODE_ID: '1',
    PROCESS_ROLES: 'broker,controller',
    CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
    ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    NUM_PARTITIONS: '4',
    OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    TRANSACTION_STATE_LOG_MIN_ISR: '1',
    SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
    SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    HEAP_OPTS: '-Xmx512m',
  };
  const environment = Object.entries(settings).flatMap(([key, value]) => {
    return ['-e', `KAFKA_${key}=${value}`];
  });
  const run = ['run', '-d', '--name', name, '-p', `127.0.0.1:${port}:${port}`, ...environment];
  const { code, said } = await docker([...run, image], 600_000);
  if (code !== 0) throw new SetupError(`Docker could not start ${image}: ${said.trim()}`);
  return { bootstrap: `127.0.0.1:${port}` };
}

export async function containerRuns(name: string): Promise<boolean> {
  const { said } = await docker(['inspect', '-f', '{{.State.Running}}', name], 10_000);
  return said.trim() === 'true';
}

/** Ends and removes it, data included. */
export async function removeContainer(name: string): Promise<void> {
  await docker(['rm', '-f', '-v', name], 60_000);
}

function docker(words: string[], timeoutMs: number): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile('docker', words, { timeout: timeoutMs }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, said: stdout + (error === null ? '' : stderr) });
    });
  });
}
