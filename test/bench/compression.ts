// `npm run compression`: what compressing batches saves on Kafka's disk and costs the proxy, with the motes' readings as JSON and as CBOR. Kafka
// stores a batch as it comes, so that its bytes are those that are made here.

import { encode } from 'cbor-x';
import { Command, InvalidArgumentError } from 'commander';
import { type Codec, codecs, type KafkaConfig } from '../../proxy/config.js';
import { compressionTrouble, openCompression } from '../../proxy/kafka/compression.js';
import { type BatchRecord, encodeRecordBatch } from '../../proxy/kafka/record-batch.js';
import { againOnNode24 } from '../node-24.js';
import { readMotes } from '../site/motes.js';
import { intoDocument } from './document.js';
import { median, spread } from './figures/figure.js';

/** Of a partition: what four of them get of a transaction that is half full. */
const batchRecords = 250;
const blockEvents = 20;
/** When the motes were read: every 5 s from 2010-05-09 on. */
const firstMs = Date.UTC(2010, 4, 9);
const everyMs = 5_000;
const forms = ['json', 'cbor'] as const;

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1.');
}

const flags = new Command('npm run compression --')
  .description(
    "What compressing batches saves on Kafka's disk and costs the proxy, with the motes' readings.",
  )
  .option('--rounds <n>', 'how often each is measured, in turns', count, 7)
  .option('--json', 'one JSON object on standard output instead of the table')
  .option('--write', 'puts the table into docs/PERFORMANCE.md')
  .addHelpText('after', '\nRuns on Node 24, which has zstd, and fetches that where it is not here.')
  .parse()
  .opts<{ rounds: number; json?: boolean; write?: boolean }>();

interface Row {
  form: (typeof forms)[number];
  codec: Codec;
  bytes: number;
  us: number[];
}

/** The motes' blocks in turn, as they come through a proxy. */
async function batches(form: Row['form']): Promise<BatchRecord[][]> {
  const motes = [...(await readMotes())];
  const longest = Math.max(...motes.map(([, readings]) => readings.length));
  const records: BatchRecord[] = [];
  for (let first = 0; first < longest; first += blockEvents) {
    for (const [key, readings] of motes) {
      for (const [at, reading] of readings.slice(first, first + blockEvents).entries()) {
        const value = form === 'json' ? JSON.stringify(reading) : encode(reading);
        const headers = { 'hw-id': `1795769304/${first + at}`, 'hw-time': 'synced' };
        records.push({ key, value, timestamp: firstMs + (first + at) * everyMs, headers });
      }
    }
  }
  const whole = Math.floor(records.length / batchRecords);
  return Array.from({ length: whole }, (_, n) =>
    records.slice(n * batchRecords, (n + 1) * batchRecords),
  );
}

async function measure(row: Row, all: readonly BatchRecord[][]): Promise<void> {
  const topics = { compression: {}, dead: '' } as unknown as KafkaConfig['topics'];
  const compression = (await openCompression({ compression: row.codec, topics }))('any');
  const begin = process.cpuUsage();
  let bytes = 0;
  for (const batch of all) {
    const made = await encodeRecordBatch(batch, {
      ...{ isTransactional: true, producerId: 1n, producerEpoch: 1, firstSequence: 0 },
      ...{ compression, crc32c: () => 0 },
    });
    bytes += made.length;
  }
  const { user, system } = process.cpuUsage(begin);
  const records = all.length * batchRecords;
  row.bytes = bytes / records;
  row.us.push((user + system) / records);
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ form, codec, bytes, us }) => {
    const plain = rows.find((row) => row.form === form && row.codec === 'none')!;
    const more = median(us) - median(plain.us);
    const share = `${Math.round((100 * bytes) / plain.bytes)} %`;
    return `| ${form} | \`${codec}\` | ${bytes.toFixed(1)} | ${share} | ${spread(us, 2)} | ${more.toFixed(2)} |`;
  });
  return [
    '| value | `compression` | bytes an event on Kafka’s disk | of `none` | µs of CPU to encode an event | of it for compressing |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n');
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const topics = { compression: {}, dead: '' } as unknown as KafkaConfig['topics'];
if (compressionTrouble({ compression: 'zstd', topics }) !== null) {
  process.exit(await againOnNode24(say));
}
const rows: Row[] = forms.flatMap((form) =>
  codecs.map((codec) => ({ form, codec, bytes: 0, us: [] })),
);
const made = { json: await batches('json'), cbor: await batches('cbor') };
// The first round warms the code up.
for (let round = 0; round <= flags.rounds; round++) {
  for (const row of rows) {
    await measure(row, made[row.form]);
    if (round === 0) row.us = [];
  }
  say(`round ${round} of ${flags.rounds}`);
}
console.log(flags.json === true ? JSON.stringify(rows) : table(rows));
if (flags.write === true) await intoDocument('docs/PERFORMANCE.md', 'compression', table(rows));
