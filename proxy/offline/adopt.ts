// `headwater journal adopt`: a person decides that Kafka follows this journal, after the proxy refused to start on it. Says what that does
// and costs, and does it with --yes only.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, type KafkaConfig, readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import type { Disk } from '../disk.js';
import { nodeDisk } from '../disk-node.js';
import { refusalOf } from '../journal/audit-opening.js';
import { errorCode } from '../journal/error.js';
import { lockedError } from '../journal/open.js';
import { JournalReader } from '../journal/reader.js';
import { type AdoptPlan, adopt, planAdoption } from '../kafka/adopt.js';
import { createKafkajsSink } from '../kafka/kafkajs-sink.js';
import { openSecurity } from '../kafka/login.js';
import { positionTopicOf } from '../kafka/position-topic.js';
import { type KafkaSink, SinkError } from '../kafka/sink.js';
import { exitCodeOf } from './complaint.js';
import { noJournal, unreadable } from './offline-journal.js';

export interface AdoptOptions {
  config: string;
  yes?: boolean;
  json?: boolean;
}

/** Answers the exit code: 0 adopted, or there was no need to; 1 failed; 2 the configuration; 3 it would, and --yes is missing. */
export async function adoptCommand(options: AdoptOptions): Promise<number> {
  const disk = nodeDisk();
  let sinks: KafkaSink[] = [];
  let reader: JournalReader | null = null;
  let unlock = async () => {};
  try {
    const config = await readConfig(options.config);
    const { kafka } = config;
    if (kafka === null) {
      throw new ConfigError(`${options.config}: it has no section kafka, and nothing refuses it`);
    }
    const { folder } = config.journal;
    const isByKafka = config.ack === 'kafka';
    reader = new JournalReader({ folder, disk });
    const journal = await reader.id();
    // A folder that holds nothing is not locked either: that would make a name in it.
    if (journal !== null) unlock = await locked(disk, folder);
    // What Kafka follows is of no use to a journal that a proxy can't open.
    const refusal = await refusalOf({ folder, disk, pause: () => sleep(100) });
    if (refusal !== null) throw refusal;
    if (journal === null) throw noJournal(folder);
    // Those that are wanted too: Kafka may know them from a journal before.
    const { lanes } = await reader.laneCount();
    sinks = openSinks(config, kafka, Math.max(lanes, kafka.lanes));
    const plan = await planAdoption({ sinks, reader, disk, folder, journal, isByKafka });
    if (plan.refused === null) return say(options, config, plan, 'needless');
    if (options.yes !== true) return say(options, config, plan, 'planned');
    await carryOut(plan, sinks, disk, config);
    return say(options, config, plan, 'adopted');
  } catch (error) {
    return exitCodeOf(unreadable(error));
  } finally {
    await reader?.close();
    for (const sink of sinks) await sink.close();
    await unlock();
  }
}

async function carryOut(
  plan: AdoptPlan,
  sinks: readonly KafkaSink[],
  disk: Disk,
  config: Config,
): Promise<void> {
  const { folder } = config.journal;
  const host = `${hostname()}:${process.pid}`;
  const fresh = () => randomBytes(16).toString('hex');
  try {
    await adopt({
      ...{ plan, sinks, disk, folder, name: fresh(), nowMs: Date.now() },
      positionTopic: positionTopicOf(config.site),
      claim: { owner: fresh(), host },
    });
  } catch (error) {
    if (!(error instanceof SinkError) || error.kind !== 'epoch') throw error;
    const text = `another proxy of site ${config.site} runs, and has taken its lane back: stop that one`;
    throw new SinkError('epoch', `${text}, then run this again`, { cause: error });
  }
}

/** So that no proxy starts on it meanwhile. */
async function locked(disk: Disk, folder: string): Promise<() => Promise<void>> {
  try {
    const lock = await disk.lock(folder);
    return () => lock.release();
  } catch (error) {
    if (errorCode(error) === 'ELOCKED') throw lockedError(folder);
    throw error;
  }
}

function openSinks({ site, delivery }: Config, kafka: KafkaConfig, lanes: number): KafkaSink[] {
  const security = openSecurity(kafka);
  return Array.from({ length: lanes }, (_, lane) =>
    createKafkajsSink({ ...{ site, lane, brokers: kafka.brokers, delivery }, ...security() }),
  );
}

type Outcome = 'needless' | 'planned' | 'adopted';

function say(options: AdoptOptions, config: Config, plan: AdoptPlan, outcome: Outcome): number {
  const { journal, refused, until, events, devices } = plan;
  const { decision, kafka, from } = refused ?? plan.lanes[0]!;
  if (options.json === true) {
    const why = decision.kind === 'refuse' ? decision.why : decision.kind;
    const { site } = config;
    const lanes = plan.lanes.map(({ lane, from: at }) => ({ lane, from: at }));
    const said = { outcome, site, journal, why, kafka, from, until, events, devices, lanes };
    console.log(JSON.stringify(said));
  } else if (outcome === 'needless') {
    console.log(
      `${config.journal.folder}: no need to adopt it: a proxy starts on it and goes on from ${from}`,
    );
  } else if (outcome === 'planned') {
    console.log(planText(options.config, config, plan));
  } else {
    console.log(
      `${config.journal.folder}: adopted; ${eventsText(plan)} will be sent, with hw-repeat. Start the proxy: ` +
        `headwater proxy --config ${options.config}`,
    );
  }
  return outcome === 'planned' ? 3 : 0;
}

const eventsText = ({ events, devices }: AdoptPlan) =>
  `${events} ${events === 1 ? 'event' : 'events'} of ${devices} ${devices === 1 ? 'device' : 'devices'}`;

function planText(path: string, { site, journal }: Config, plan: AdoptPlan): string {
  const { refused, events } = plan;
  if (refused === null) return '';
  const { decision, from, position } = refused;
  const other =
    decision.why === 'foreign-journal' ? 'the journal before, or the other one' : 'the newer copy';
  const where =
    position === null ? 'from its beginning' : `from ${from}, where Kafka had confirmed it`;
  const repeats =
    events === 0
      ? ''
      : `
  - these events, as far as Kafka has them from ${other}; they carry the header hw-repeat: perhaps`;
  return `${decision.message}.

Adopting ${journal.folder} would, for site ${site}:
  - make Kafka follow this journal ${where}: ${eventsText(plan)} would be sent
  - give it a new name in Kafka: a proxy on ${other} is stopped, and refused from then on
What may come twice:${repeats}
  - what devices had sent to ${other} and did not hear acknowledged
What may be lost:
  - what ${other} had acknowledged and not brought into Kafka yet: nobody else has it. Where that journal still
    exists, start the proxy on it instead
What may be called lost and is not:
  - seqs that ${other} had acknowledged go to the loss topic, since this journal never saw them

Nothing was changed. To do it: headwater journal adopt --config ${path} --yes`;
}
