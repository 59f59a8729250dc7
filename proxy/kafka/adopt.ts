// What `headwater journal adopt` does to a lane, without terminal: the same evidence and decision as a lane's start, and where that refuses,
// a position of this journal in the place of Kafka's. KAFKA.md [K-25]

import type { Disk } from '../disk.js';
import { type Adoption, readAdoption, writeAdoption } from '../journal/adoption.js';
import type { JournalReader } from '../journal/reader.js';
import type { Position } from '../journal/record.js';
import { type Decision, decide, startOf } from './decide.js';
import type { Claim, KafkaSink, SinkRecord } from './sink.js';

export interface AdoptPlan {
  decision: Decision;
  journal: string;
  /** Kafka's position as it stands. */
  kafka: Position | null;
  /** Where this journal goes on, and its end: what lies between is sent, and may be in Kafka already. */
  from: number;
  until: number;
  /** Of what lies between. */
  events: number;
  devices: number;
  /** The last that Kafka confirmed of this journal. */
  confirmed: Position | null;
}

/** The proxy has one. */
const lane = 0;

export async function planAdoption(parts: {
  sink: KafkaSink;
  reader: JournalReader;
  disk: Disk;
  folder: string;
  journal: string;
  /** `ack: kafka`: the row of a new journal that needs no adoption. */
  isByKafka: boolean;
}): Promise<AdoptPlan> {
  const { sink, reader, disk, folder, journal, isByKafka } = parts;
  const name = (await readAdoption(disk, folder, journal))?.name ?? journal;
  const ours = (await reader.readState()).state.confirmed.get(lane) ?? null;
  const { position: kafka } = await sink.read();
  const isOurs = kafka?.journal === name;
  const named = isOurs ? await reader.at(kafka.offset) : null;
  const isDamaged = isOurs && named === null && (await reader.isDamagedAt(kafka));
  const begin = await reader.begin();
  const confirmed = ours === null ? null : { ...ours, journal: name };
  const evidence = { journal: name, begin, confirmed, kafka, named, isDamaged, isByKafka };
  const decision = decide(evidence);
  const from = ours?.end ?? begin;
  const until = await reader.end();
  return {
    decision,
    journal,
    kafka,
    from,
    until,
    confirmed,
    ...(await count(reader, from, until)),
  };
}

export async function adopt(parts: {
  plan: AdoptPlan;
  sink: KafkaSink;
  disk: Disk;
  folder: string;
  positionTopic: string;
  claim: Omit<Claim, 'lane' | 'journal'>;
  /** Fresh, 32 hex digits. */
  name: string;
  nowMs: number;
}): Promise<Adoption> {
  const { plan, sink, disk, folder, positionTopic, claim, name, nowMs } = parts;
  const { journal, until, from, kafka } = plan;
  const at = new Date(nowMs).toISOString();
  const adoption: Adoption = { name, id: journal, until, at, host: claim.host };
  // First the journal, then Kafka: killed in between, Kafka goes on refusing it, and this is run again.
  await writeAdoption(disk, folder, adoption);
  await sink.fence({ ...claim, lane, journal: name });
  const note: SinkRecord = {
    ...{
      topic: positionTopic,
      key: Buffer.from(`adopted/${lane}`),
      timestampMs: nowMs,
      headers: {},
    },
    value: Buffer.from(JSON.stringify({ ...adoption, from, before: kafka })),
  };
  const position = plan.confirmed ?? startOf(name, lane, from);
  await sink.transaction([note], { ...position, journal: name });
  return adoption;
}

async function count(reader: JournalReader, from: number, until: number) {
  const devices = new Set<string>();
  let events = 0;
  for (let at = from; at < until; ) {
    const { located, next } = await reader.read(at, until, 1 << 20);
    for (const { record } of located) {
      if (record.kind !== 'block') continue;
      events += record.first + record.count - record.from;
      devices.add(record.device);
    }
    if (next <= at) break;
    at = next;
  }
  return { events, devices: devices.size };
}
