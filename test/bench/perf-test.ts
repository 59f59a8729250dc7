// Kafka's own kafka-producer-perf-test as a reference: what its Java client makes of records of the same bytes, which are no device's and have no
// key, in an order of its own.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureJars } from '../kafka/jars.js';
import { createTopics } from '../kafka/topics.js';

const run = promisify(execFile);

/** Records a second, by its own count. `exactly-once`: in transactions of as long as a proxy's take. */
export async function perfTest(
  bootstrap: string,
  mode: 'exactly-once' | 'idempotent',
  records: number,
): Promise<number> {
  const classPath = await ensureJars(() => {});
  const folder = await mkdtemp(join(tmpdir(), 'headwater-perf-'));
  const topic = `perf-${mode}-${process.pid}-${Date.now()}`;
  try {
    const payload = join(folder, 'values');
    const values = Array.from({ length: 1_000 }, (_, n) => {
      const step = n % 11;
      return JSON.stringify({
        t: 21.5 + step / 100,
        rh: 40.25 + step / 50,
        mbar: 1013.2 + step / 10,
      });
    });
    await writeFile(payload, values.join('\n'));
    await createTopics(bootstrap, [topic], 4);
    const { stdout } = await run('java', [
      ...['-Xmx512m', '-cp', classPath, 'org.apache.kafka.tools.ProducerPerformance'],
      ...['--topic', topic, '--num-records', `${records}`, '--throughput', '-1'],
      ...['--payload-file', payload, '--producer-props', `bootstrap.servers=${bootstrap}`],
      ...['acks=all', 'enable.idempotence=true', 'compression.type=gzip', 'linger.ms=10'],
      ...(mode === 'exactly-once'
        ? ['--transactional-id', topic, '--transaction-duration-ms', '20']
        : []),
    ]);
    const [, perSecond] = /records sent, ([\d.]+) records\/sec.*99\.9th\.$/m.exec(stdout) ?? [];
    if (perSecond === undefined) throw new Error(`kafka-producer-perf-test said: ${stdout}`);
    return Number(perSecond);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
