// Apache Kafka's jars, from Maven Central, for a machine without Docker. They are fetched once into
// the ignored folder .kafka/ and shared by every run; pom.xml beside this file names the version.
// Invariant: the folder under its final name is complete, since it only ever gets there by a rename.

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Log = (line: string) => void;

/** What a person has to mend; printed as it is, without a stack. */
export class SetupError extends Error {
  override name = 'SetupError';
}

/** The folder that holds package.json: the sources lie there also when this runs from dist/. */
export const projectFolder = findProject();
export const kafkaFolder = join(projectFolder, '.kafka');
export const kafkaVersion = '4.1.0';

/** The class path of Apache Kafka; downloads it where it is not there yet. */
export async function ensureJars(log: Log = () => {}): Promise<string> {
  await ensureJava();
  const folder = join(kafkaFolder, `jars-${kafkaVersion}-${await pomDigest()}`);
  if (!existsSync(folder)) await download(folder, log);
  return join(folder, '*');
}

/** Kafka 4 needs Java 17; reading back in tests compiles one source file, so a JDK is asked for. */
export async function ensureJava(): Promise<void> {
  const version = await versionOf('java');
  const major = Number(/version "(\d+)/.exec(version ?? '')?.[1]);
  if (major >= 17) return;
  const found =
    version === null ? 'there is no `java`' : `\`java\` is too old: ${firstLine(version)}`;
  throw new SetupError(
    `Kafka for development needs one of: KAFKA_BROKERS=host:port (a broker you have), ` +
      `Docker (running), or a JDK 17 or newer with Maven. Here ${found}. ` +
      `On Debian or Ubuntu: apt-get install openjdk-17-jdk-headless maven; ` +
      `on macOS: brew install openjdk maven.`,
  );
}

async function download(folder: string, log: Log): Promise<void> {
  if ((await versionOf('mvn')) === null) {
    throw new SetupError(
      `Kafka's jars come from Maven Central, and there is no \`mvn\` here. Install Maven ` +
        `(apt-get install maven, brew install maven), or set KAFKA_BROKERS to a broker you have.`,
    );
  }
  const partial = `${folder}.${process.pid}.partial`;
  await mkdir(partial, { recursive: true });
  log(`fetching Apache Kafka ${kafkaVersion} from Maven Central (about 55 MB, once) …`);
  try {
    await runMaven(partial, log);
    // A run beside this one may have been faster: its folder is as good as ours.
    if (!existsSync(folder)) await rename(partial, folder).catch(() => {});
    if (!existsSync(folder)) throw new SetupError(`could not put the jars into ${folder}`);
    log('Apache Kafka is here');
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

function runMaven(outputFolder: string, log: Log): Promise<void> {
  const pom = join(projectFolder, 'test/kafka/pom.xml');
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
  const options = ['-DincludeScope=runtime', `-DoutputDirectory=${outputFolder}`];
  const child = spawn('mvn', ['-B', '-f', pom, goal, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let jars = 0;
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
    const before = jars;
    jars += chunk.toString().match(/Downloaded .*\.jar /g)?.length ?? 0;
    if (Math.floor(jars / 10) > Math.floor(before / 10)) log(`  ${jars} jars`);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const why = said.split('\n').find((line) => line.includes('ERROR')) ?? said.slice(-400);
      reject(new SetupError(`Maven could not fetch Kafka's jars (exit code ${code}): ${why}`));
    });
  });
}

async function pomDigest(): Promise<string> {
  const pom = await readFile(join(projectFolder, 'test/kafka/pom.xml'));
  return createHash('sha256').update(pom).digest('hex').slice(0, 8);
}

/** What `<command> -version` says, on either stream; null where the command is not there. */
export function versionOf(command: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, ['-version'], (error, stdout, stderr) => {
      resolve(error === null ? stdout + stderr : null);
    });
  });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

function findProject(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
