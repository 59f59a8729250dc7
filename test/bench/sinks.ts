// `npm run sinks`: what each Kafka client costs a lane. Both sinks in turn, round after round, on one real broker: the same records in
// transactions of the same size, nothing else in the process. The machine is shared, so that CPU says more than the clock.

import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { sinkMaker } from '../../proxy/kafka/open-sink.js';
import { platformaticTrouble } from '../../proxy/kafka/platformatic-library.js';
import { type KafkaSink, SinkError, type SinkRecord } from '../../proxy/kafka/sink.js';
import { SetupError } from '../kafka/jars.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { againOnNode24 } from '../node-24.js';
import { intoDocument } from './document.js';
import { spread } from './figures/figure.js';

const help = `Usage: npm run sinks [-- --rounds N] [--records N] [--json] [--write]

What kafka.client: kafkajs and kafka.client: platformatic cost, on one node of Apache Kafka on this machine:
  records/s    one lane, sink.transaction alone, each transaction with its position
  µs/record    CPU of this process, user and system; Kafka's own is not in it

A record has a device's name, two headers and 60 bytes, and goes to one of 4 partitions. Each figure is the median of the rounds, with
the least and the most; the clients take turns in every round. Where this Node is older than 24, all of it runs on one of its own.

  --rounds N   5
  --records N  in a round, for each line of the table, 200000
  --json       one JSON object on standard output instead of the table
  --write      puts the table into README.md
  --help       this text`;

const clients = ['kafkajs', 'platformatic'] as const;
const deliveries = ['exactly-once', 'at-least-once'] as const;
const sizes = [500, 2_000];
const journal = 'ab'.repeat(16);
const devices = 50;

interface Line {
  client: (typeof clients)[number];
  delivery: (typeof deliveries)[number];
  /** Records a transaction. */
  size: number;
}

interface Round {
  perSecond: number;
  cpuUs: number;
}

type Make = Awaited<ReturnType<typeof sinkMaker>>;

async function measure(make: Make, bootstrap: string, line: Line, count: number): Promise<Round> {
  const { delivery, size } = line;
  const site = `sinks-${randomBytes(4).toString('hex')}`;
  const topic = `${site}.events`;
  await createTopics(bootstrap, [topic], 4);
  const open = () => make({ site, lane: 0, delivery, brokers: bootstrap.split(',') });
  const sink = await started(open);
  try {
    const records = batchOf(topic, size);
    let offset = 0;
    const next = () => {
      offset++;
      const place = { generation: 1, offset, end: offset + 1, check: offset };
      return sink.transaction(records, { lane: 0, journal, ...place });
    };
    // The first ones warm everything up.
    for (let sent = 0; sent < count / 4; sent += size) await next();
    const transactions = Math.ceil(count / size);
    const cpu = process.cpuUsage();
    const begin = performance.now();
    for (let n = 0; n < transactions; n++) await next();
    const seconds = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const sent = transactions * size;
    return { perSecond: sent / seconds, cpuUs: (user + system) / sent };
  } finally {
    await sink.close();
  }
}

/** As a lane does: Kafka may still be loading what a transaction needs. */
async function started(open: () => KafkaSink): Promise<KafkaSink> {
  for (let tries = 0; ; tries++) {
    const sink = open();
    try {
      await sink.read();
      await sink.fence({ lane: 0, owner: 'sinks', journal, host: 'sinks' });
      return sink;
    } catch (error) {
      await sink.close();
      if (!(error instanceof SinkError && error.kind === 'unreachable') || tries === 20) {
        throw error;
      }
    }
  }
}

function batchOf(topic: string, size: number): SinkRecord[] {
  const timestampMs = Date.now();
  return Array.from({ length: size }, (_, seq) => ({
    ...{ topic, timestampMs, value: randomBytes(60) },
    key: Buffer.from(`press-${seq % devices}`),
    headers: { 'hw-id': `1795769304/${seq}`, 'hw-time': 'synced' },
  }));
}

interface Figures extends Line {
  rounds: Round[];
}

function table(all: readonly Figures[]): string {
  const head = [
    '| `kafka.client` | `delivery` | records a transaction | records/s | CPU µs/record |',
    '| --- | --- | ---: | ---: | ---: |',
  ];
  const rows = all.map(({ client, delivery, size, rounds }) => {
    const perSecond = rounds.map((round) => round.perSecond);
    const cpuUs = rounds.map((round) => round.cpuUs);
    const figures = `${spread(perSecond, 0)} | ${spread(cpuUs, 1)}`;
    return `| \`${client}\` | \`${delivery}\` | ${size.toLocaleString('en-US')} | ${figures} |`;
  });
  return [...head, ...rows].join('\n');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      records: { type: 'string', default: '200000' },
      json: { type: 'boolean' },
      write: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const [rounds, count] = [countOf(values.rounds), countOf(values.records)];
  if (platformaticTrouble() !== null) return againOnNode24(say);
  const bootstrap = await sharedBroker();
  const all: Figures[] = deliveries.flatMap((delivery) =>
    sizes.flatMap((size) =>
      clients.map((client) => ({ client, delivery, size, rounds: [] as Round[] })),
    ),
  );
  const makers = {
    kafkajs: await sinkMaker('kafkajs'),
    platformatic: await sinkMaker('platformatic'),
  };
  for (let round = 1; round <= rounds; round++) {
    for (const line of all) {
      const { client, delivery, size } = line;
      const done = await measure(makers[client], bootstrap, line, count);
      line.rounds.push(done);
      const figures = `${done.perSecond.toFixed(0)} records/s, ${done.cpuUs.toFixed(1)} µs each`;
      say(`round ${round} of ${rounds}: ${client}, ${delivery}, ${size} a transaction: ${figures}`);
    }
  }
  const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`;
  say(machine);
  console.log(values.json === true ? JSON.stringify({ machine, count, figures: all }) : table(all));
  if (values.write === true) await intoDocument('README.md', 'sinks', table(all));
  return 0;
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new SetupError(`'${text}' is no number of rounds or records; see --help`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const isKnown = error instanceof SetupError || (error as { code?: string }).code !== undefined;
    process.stderr.write(`sinks: ${isKnown ? (error as Error).message : (error as Error).stack}\n`);
    process.exit(1);
  },
);
