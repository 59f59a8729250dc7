// What is in Kafka, as Apache Kafka's own Java client reads it (ReadBack.java): the judge of tests
// and of the demo, which shares no code with the proxy. One Java per broker and process is kept for
// all questions, since its start costs more than most of them.
// Records of a partition come in the order in which they lie there.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureJars, type Log, projectFolder } from './jars.js';

export interface ReadRecord {
  topic: string;
  partition: number;
  offset: number;
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
}

export interface ReadOptions {
  bootstrap: string;
  /** Names; one that ends in `*` is a prefix. A topic that is not there has no records. */
  topics: string[];
  /** read_committed (default) first waits until no transaction is open on these topics. */
  isolation?: 'read_committed' | 'read_uncommitted';
  timeoutMs?: number;
  log?: Log;
  /** Called with each record, and none is kept: for more of them than fit into memory. */
  each?(record: ReadRecord): void;
}

/** All records up to the end that the topics have now. */
export async function consume(options: ReadOptions): Promise<ReadRecord[]> {
  const reader = await readerFor(options.bootstrap, options.log ?? (() => {}));
  return reader.ask(options);
}

interface Reader {
  ask(options: ReadOptions): Promise<ReadRecord[]>;
}

const readers = new Map<string, Promise<Reader>>();

function readerFor(bootstrap: string, log: Log): Promise<Reader> {
  let reader = readers.get(bootstrap);
  if (reader === undefined) {
    reader = openReader(bootstrap, log);
    readers.set(bootstrap, reader);
  }
  return reader;
}

async function openReader(bootstrap: string, log: Log): Promise<Reader> {
  const classPath = await ensureJars(log);
  const source = join(projectFolder, 'test/kafka/ReadBack.java');
  const memory = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  // Its standard input is our pipe: it ends when this process does, however that ends.
  const child = spawn('java', [...memory, '-cp', classPath, source, bootstrap], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close').then(() => {
    readers.delete(bootstrap);
    throw new Error(`the reader ended: ${complaint}`);
  });
  ended.catch(() => {});
  let turn: Promise<unknown> = Promise.resolve();
  keepAlive(child, false);
  return {
    ask(options) {
      const answer = turn.then(async () => {
        keepAlive(child, true);
        try {
          return await Promise.race([ended, exchange(child, lines, options)]);
        } finally {
          keepAlive(child, false);
        }
      });
      turn = answer.catch(() => {});
      return answer;
    },
  };
}

async function exchange(
  child: ChildProcessWithoutNullStreams,
  lines: AsyncIterator<string>,
  options: ReadOptions,
): Promise<ReadRecord[]> {
  const isolation = options.isolation ?? 'read_committed';
  const timeoutMs = options.timeoutMs ?? 30_000;
  child.stdin.write(`${isolation}\t${timeoutMs}\t${options.topics.join(',')}\n`);
  const records: ReadRecord[] = [];
  const take = options.each ?? ((record: ReadRecord) => void records.push(record));
  for (;;) {
    const line = await lines.next();
    if (line.done === true) throw new Error('the reader closed its output');
    const fields = line.value.split('\t');
    if (fields[0] === 'end') return records;
    if (fields[0] === 'record') take(parse(fields));
    else throw new Error(`could not read ${options.topics.join(', ')} back: ${line.value}`);
  }
}

function parse(fields: string[]): ReadRecord {
  const [, topic = '', partition, offset, timestampMs, key = '-', value = '-', headers = ''] =
    fields;
  return {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    timestampMs: Number(timestampMs),
    key: bytes(key),
    value: bytes(value),
    headers: Object.fromEntries(
      headers
        .split(',')
        .filter((pair) => pair !== '')
        .map((pair) => pair.split('=').map((part) => bytes(part)?.toString() ?? '')),
    ),
  };
}

function bytes(text: string): Buffer | null {
  return text === '-' ? null : Buffer.from(text, 'base64');
}

/** A reader with no question open must not keep a finished test run alive. */
function keepAlive(child: ChildProcessWithoutNullStreams, yes: boolean): void {
  const handles = [child, child.stdin, child.stdout, child.stderr];
  for (const handle of handles as { ref?(): void; unref?(): void }[]) {
    if (yes) handle.ref?.();
    else handle.unref?.();
  }
}
