// Kafka's own console consumer, read_committed: the judge that shares nothing with Headwater.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ensureJars } from '../kafka/jars.js';

export interface Consumed {
  key: string;
  /** ms since 1970. */
  timestampMs: number;
  headers: Record<string, string>;
  value: string;
}

/**
 * Everything committed in the topic, in arrival order, each record through `take`. The console consumer
 * ends when nothing came for `quietMs`; it stops before a transaction that is still open.
 */
export async function consoleConsumer(options: {
  bootstrap: string;
  topic: string;
  quietMs?: number;
  take: (record: Consumed) => void;
}): Promise<void> {
  const jars = await ensureJars();
  const print = ['timestamp', 'headers', 'key', 'value'].flatMap((what) => [
    '--property',
    `print.${what}=true`,
  ]);
  const child = spawn(
    'java',
    [
      ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', jars],
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      ...['--bootstrap-server', options.bootstrap, '--topic', options.topic],
      ...['--isolation-level', 'read_committed', '--from-beginning'],
      ...['--timeout-ms', String(options.quietMs ?? 5_000), ...print],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    const [time = '', headers = '', key = '', value = ''] = line.split('\t');
    if (!time.startsWith('CreateTime:')) continue;
    options.take({
      key,
      value,
      timestampMs: Number(time.slice('CreateTime:'.length)),
      headers: Object.fromEntries(
        headers.split(',').map((pair) => {
          const colon = pair.indexOf(':');
          return [pair.slice(0, colon), pair.slice(colon + 1)];
        }),
      ),
    });
  }
  await closed;
  // Its normal end is a time-out, which it reports as an error; anything else says more than that.
  if (!/Processed a total of \d+ messages/.test(complaint)) {
    throw new Error(`the console consumer failed:\n${complaint.slice(-2_000)}`);
  }
}
