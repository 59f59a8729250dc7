// What `headwater journal adopt` does to a site's lanes, without terminal: of each the same evidence and decision as at its start, and where
// one is refused, positions of this journal in the place of Kafka's. KAFKA.md [K-25]

import type { Disk } from '../disk.js';
import { type Adoption, readAdoption, writeAdoption } from '../journal/adoption.js';
import { batches, type JournalReader } from '../journal/reader.js';
import type { Position } from '../journal/record.js';
import { type Decision, decide, startOf } from './decide.js';
import type { Claim, KafkaSink, SinkRecord } from './sink.js';

export interface LanePlan {
  lane: number;
  decision: Decision;
  /** Kafka's position as it stands. */
  kafka: Position | null;
  /** Where the lane goes on. */
  from: number;
  /** The position that says so; null: it begins at `from`. */
  position: Position | null;
}

export interface AdoptPlan {
  journal: string;
  lanes: LanePlan[];
  /** The first one that is refused; null where none is. */
  refused: (LanePlan & { decision: Decision & { kind: 'refuse' } }) | null;
  /** The journal's end: what the lanes have before it is sent, and may be in Kafka already. */
  until: number;
  /** Of that. */
  events: number;
  devices: number;
}

export async function planAdoption(parts: {
  /** One for each lane. */
  sinks: readonly KafkaSink[];
  reader: JournalReader;
  disk: Disk;
  folder: string;
  journal: string;
  /** `ack: kafka`: the row of a new journal that needs no adoption. */
  isByKafka: boolean;
}): Promise<AdoptPlan> {
  const { sinks, reader, disk, folder, journal, isByKafka } = parts;
  const name = (await readAdoption(disk, folder, journal))?.name ?? journal;
  const { state } = await reader.readState();
  const begin = Math.max(await reader.begin(), (await reader.laneCount()).lanesSince);
  const lanes: LanePlan[] = [];
  for (const [lane, sink] of sinks.entries()) {
    const ours = state.confirmed.get(lane) ?? null;
    const { position: kafka } = await sink.read();
    const isOurs = kafka?.journal === name;
    const named = isOurs ? await reader.at(kafka.offset) : null;
    const isDamaged = isOurs && named === null && (await reader.isDamagedAt(kafka));
    const confirmed = ours === null ? null : { ...ours, journal: name };
    const evidence = { journal: name, begin, confirmed, kafka, named, isDamaged, isByKafka };
    const decision = decide(evidence);
    const isSound = decision.kind === 'restart';
    const position = isSound ? kafka : confirmed;
    lanes.push({ lane, decision, kafka, position, from: Math.max(begin, position?.end ?? begin) });
  }
  const until = await reader.end();
  const refused = lanes.find(isRefused) ?? null;
  return { journal, lanes, refused, until, ...(await count(reader, lanes, until)) };
}

const isRefused = (plan: LanePlan): plan is NonNullable<AdoptPlan['refused']> =>
  plan.decision.kind === 'refuse';

export async function adopt(parts: {
  plan: AdoptPlan;
  sinks: readonly KafkaSink[];
  disk: Disk;
  folder: string;
  positionTopic: string;
  claim: Omit<Claim, 'lane' | 'journal'>;
  /** Fresh, 32 hex digits. */
  name: string;
  nowMs: number;
}): Promise<Adoption> {
  const { plan, sinks, disk, folder, positionTopic, claim, name, nowMs } = parts;
  const { journal, until, lanes } = plan;
  const at = new Date(nowMs).toISOString();
  const adoption: Adoption = { name, id: journal, until, at, host: claim.host };
  // First the journal, then Kafka: killed in between, Kafka goes on refusing it, and this is run again.
  await writeAdoption(disk, folder, adoption);
  for (const { lane, from, kafka, position } of lanes) {
    const sink = sinks[lane]!;
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
    await sink.transaction([note], { ...(position ?? startOf(name, lane, from)), journal: name });
  }
  return adoption;
}

/** What the lanes have still to send. */
async function count(reader: JournalReader, lanes: readonly LanePlan[], until: number) {
  const devices = new Set<string>();
  let events = 0;
  const from = Math.min(...lanes.map(({ from }) => from));
  for await (const located of batches(reader, from, until)) {
    for (const { record, lane, offset } of located) {
      if (record.kind !== 'block' || offset < (lanes[lane]?.from ?? until)) continue;
      events += record.first + record.count - record.from;
      devices.add(record.device);
    }
  }
  return { events, devices: devices.size };
}
