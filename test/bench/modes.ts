// `npm run modes`: what each promise costs. Every combination of `ack` and `delivery` in turn, round after round, on one real broker, so that
// what else the machine does falls on all of them.

import { parseArgs } from 'node:util';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';
import { stream } from './device-frames.js';
import { intoDocument } from './document.js';
import { median, spread } from './figures/figure.js';
import { LoadDevice } from './load-device.js';

const help = `Usage: npm run modes [-- --rounds N] [--events N] [--json] [--write]

What ack: journal|kafka and delivery: exactly-once|at-least-once cost, on one node of Apache Kafka on this machine:
  events/s   8 devices send as fast as their credit lets them; until Kafka has everything
  ms to ACK  a device that sends one event at a time

Each is the median of the rounds, with the least and the most. The combinations take turns in every round.

  --rounds N   5
  --events N   in a round and combination, 40000
  --json       one JSON object on standard output instead of the table
  --write      puts the table into README.md
  --help       this text`;

interface Round {
  perSecond: number;
  ackMs: number;
}

const combinations = (['journal', 'kafka'] as const).flatMap((ack) =>
  (['exactly-once', 'at-least-once'] as const).map((delivery) => ({ ack, delivery })),
);
type Modes = (typeof combinations)[number];

const deviceCount = 8;
const blockEvents = 20;
const pings = 40;

async function measure(bootstrap: string, modes: Modes, events: number): Promise<Round> {
  const overrides = { ...modes, log: { level: 'warn' } };
  const site = await makeSite({ bootstrap, label: 'bench', overrides });
  await createTopics(bootstrap, [site.prefix + stream, `${site.prefix}headwater.loss`], 4);
  const proxy = await startProxy(site.config, ['--set', 'log.level=info']);
  const devices: LoadDevice[] = [];
  for (let n = 0; n < deviceCount; n++) {
    devices.push(await LoadDevice.open(proxy.tcpPort, `press-${n}`));
  }
  try {
    // The first ones warm everything up.
    const waits: number[] = [];
    for (let n = -10; n < pings; n++) {
      const ms = (await devices[0]?.ping()) ?? Number.NaN;
      if (n >= 0) waits.push(ms);
    }
    const committed = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;
    await until(async () => (await committed()) === pings + 10, { lookMs: 5 });
    const each = Math.floor(events / deviceCount);
    for (const device of devices) device.prepare(each, blockEvents);
    const begin = performance.now();
    await Promise.all(devices.map((device) => device.flood()));
    const all = pings + 10 + each * deviceCount;
    await until(async () => (await committed()) === all, { lookMs: 5 });
    const seconds = (performance.now() - begin) / 1000;
    return { perSecond: (each * deviceCount) / seconds, ackMs: median(waits) };
  } finally {
    for (const device of devices) device.close();
    await proxy.stop();
    await site.remove();
  }
}

interface Figures {
  modes: Modes;
  rounds: Round[];
}

function table(all: readonly Figures[]): string {
  const rows = all.map(({ modes, rounds }) => {
    const perSecond = spread(
      rounds.map((round) => round.perSecond),
      0,
    );
    const ackMs = spread(
      rounds.map((round) => round.ackMs),
      1,
    );
    return `| \`${modes.ack}\` | \`${modes.delivery}\` | ${perSecond} | ${ackMs} |`;
  });
  const head = ['| `ack` | `delivery` | events/s | ms to ACK |', '| --- | --- | ---: | ---: |'];
  return [...head, ...rows].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      events: { type: 'string', default: '40000' },
      json: { type: 'boolean' },
      write: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(help);
    return;
  }
  const [rounds, events] = [countOf(values.rounds), countOf(values.events)];
  const bootstrap = await sharedBroker();
  const all: Figures[] = combinations.map((modes) => ({ modes, rounds: [] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { modes, rounds: done } of all) {
      done.push(await measure(bootstrap, modes, events));
      const { perSecond, ackMs } = done.at(-1)!;
      process.stderr.write(
        `round ${round} of ${rounds}: ${modes.ack}, ${modes.delivery}: ` +
          `${perSecond.toFixed(0)} events/s, ${ackMs.toFixed(1)} ms to ACK\n`,
      );
    }
  }
  const text = table(all);
  console.log(values.json === true ? JSON.stringify({ events, figures: all }) : text);
  if (values.write === true) await intoDocument('README.md', 'modes', text);
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`'${text}' is no number of rounds or events\n\n${help}`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`modes: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
