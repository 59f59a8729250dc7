// `npm run kafka`: a real Apache Kafka on a developer's machine. Uses the brokers in KAFKA_BROKERS,
// else a container where Docker answers, else the jars from Maven Central run by Java. It runs on
// in the background; .kafka/running.json says where, so that a second call finds it.

import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { answers, startBroker, untilItAnswers } from './broker.js';
import { containerRuns, dockerAnswers, removeContainer, startContainer } from './container.js';
import { kafkaFolder, SetupError } from './jars.js';

const help = `Usage: npm run kafka [-- start|stop|status] [-- --json]

A real Apache Kafka for development, one node:
  npm run kafka             starts it, or finds the one that runs; prints its address
  npm run kafka -- stop     ends it; its data stays in .kafka/ (a container's is removed)
  npm run kafka -- status   says whether it answers (exit code 1 where it does not)

Taken is the first there is of: the brokers in KAFKA_BROKERS (host:port,…); Docker;
a JDK 17 or newer with Maven, which fetches Kafka's jars once into .kafka/.

  --json    one JSON object on standard output instead of text
  --help    this text`;

interface Running {
  bootstrap: string;
  engine: 'jars' | 'container' | 'given';
  pid: number | null;
  container: string | null;
}

const runningFile = join(kafkaFolder, 'running.json');
const dataFolder = join(kafkaFolder, 'data');

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  const verb = positionals[0] ?? 'start';
  const json = values.json === true;
  if (values.help === true) console.log(help);
  else if (verb === 'start') say(json, await start(), started);
  else if (verb === 'stop') say(json, await stop(), (running) => running.text);
  else if (verb === 'status') await status(json);
  else throw new SetupError(`there is no \`npm run kafka -- ${verb}\`\n\n${help}`);
}

async function start(): Promise<Running> {
  const given = givenBrokers();
  if (given !== null) {
    await untilItAnswers(given.bootstrap, () => null, 15_000);
    return given;
  }
  const running = await found();
  if (running !== null) return running;
  await mkdir(kafkaFolder, { recursive: true });
  const fresh = (await dockerAnswers()) ? await viaContainer() : await viaJars();
  await writeFile(runningFile, `${JSON.stringify(fresh)}\n`);
  return fresh;
}

async function viaContainer(): Promise<Running> {
  const container = `headwater-kafka-${process.pid}`;
  progress('starting Apache Kafka in a container …');
  const { bootstrap } = await startContainer(container);
  try {
    await untilItAnswers(bootstrap);
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
  return { bootstrap, engine: 'container', pid: null, container };
}

async function viaJars(): Promise<Running> {
  progress('starting Apache Kafka …');
  const { bootstrap, pid } = await startBroker({ dataFolder, log: progress, detached: true });
  return { bootstrap, engine: 'jars', pid, container: null };
}

async function stop(): Promise<{ stopped: boolean; text: string }> {
  if (givenBrokers() !== null) {
    return { stopped: false, text: 'KAFKA_BROKERS is set: that broker is not ours to stop' };
  }
  const running = await remembered();
  if (running === null) return { stopped: false, text: 'no Kafka of ours runs' };
  if (running.container !== null) await removeContainer(running.container);
  else if (running.pid !== null) await endProcess(running.pid);
  await rm(runningFile, { force: true });
  return { stopped: true, text: `stopped Kafka at ${running.bootstrap}` };
}

async function status(json: boolean): Promise<void> {
  const running = givenBrokers() ?? (await remembered());
  const alive = running !== null && (await answers(running.bootstrap));
  if (!alive) process.exitCode = 1;
  say(json, { running: alive, ...running }, () => {
    if (running === null) return 'no Kafka runs; `npm run kafka` starts one';
    return alive ? started(running) : `Kafka at ${running.bootstrap} does not answer`;
  });
}

function givenBrokers(): Running | null {
  const bootstrap = process.env.KAFKA_BROKERS;
  if (bootstrap === undefined || bootstrap === '') return null;
  return { bootstrap, engine: 'given', pid: null, container: null };
}

/** The one that running.json names and that lives; waits for one that is still starting. */
async function found(): Promise<Running | null> {
  const running = await remembered();
  if (running === null) return null;
  await untilItAnswers(running.bootstrap, () => null, 30_000);
  return running;
}

async function remembered(): Promise<Running | null> {
  const text = await readFile(runningFile, 'utf8').catch(() => null);
  if (text === null) return null;
  const running = JSON.parse(text) as Running;
  const alive =
    running.container !== null ? await containerRuns(running.container) : isOurs(running.pid);
  if (alive) return running;
  await rm(runningFile, { force: true });
  return null;
}

/** A pid may have been given to another program since. */
function isOurs(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
    }).includes(dataFolder);
  } catch {
    return false;
  }
}

async function endProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (let tries = 0; isOurs(pid); tries++) {
    if (tries === 300) process.kill(pid, 'SIGKILL');
    await sleep(100);
  }
}

function started(running: Running): string {
  const where = `Kafka answers at ${running.bootstrap}`;
  if (running.engine === 'given') return `${where} (from KAFKA_BROKERS)`;
  const made = running.engine === 'jars' ? `process ${running.pid}` : `${running.container}`;
  return `${where} (${made})\n  stop it with: npm run kafka -- stop`;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function say<T extends object>(json: boolean, value: T, text: (value: T) => string): void {
  console.log(json ? JSON.stringify(value) : text(value));
}

main().catch((error: unknown) => {
  const known = error instanceof SetupError || error instanceof Error;
  process.stderr.write(`kafka: ${known ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
