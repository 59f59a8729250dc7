// Kafka → lane, at its start: what the position topic says, without a group and without
// initialising anything. KAFKA.md [K-20] 3 and [K-21]

import { type Broker, type FetchedMessage, fetchCommitted, isolation, offsetOf } from './broker.js';
import { newestState } from './position-topic.js';
import { type LaneState, SinkError } from './sink.js';

export interface PositionPartition {
  leader: Broker;
  topic: string;
  /** Also its partition. */
  lane: number;
}

/** How long a read before the fence waits for somebody's open transaction. */
const patienceBeforeFenceMs = 500;
const patienceAfterFenceMs = 5000;
/** Offsets per step when the partition is searched from its end backwards. */
const searchStep = 2000n;

export async function readLaneState(at: PositionPartition, fenced: boolean): Promise<LaneState> {
  return search(at, await stableEnd(at, fenced));
}

/** The end that everybody sees, once no open transaction is before it. */
async function stableEnd(at: PositionPartition, fenced: boolean): Promise<bigint> {
  const { leader, topic, lane } = at;
  const end = await offsetOf(leader, topic, lane, 'latest', isolation.readUncommitted);
  const patienceMs = fenced ? patienceAfterFenceMs : patienceBeforeFenceMs;
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const stable = await offsetOf(leader, topic, lane, 'latest', isolation.readCommitted);
    if (stable >= end) return stable;
    if (performance.now() > untilMs) {
      if (!fenced) return stable;
      const where = `partition ${lane} of ${topic}`;
      const message = `somebody's open transaction hides the position in ${where}`;
      throw new SinkError('unreachable', message);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** From the end backwards: the newest position is near it, whatever compaction has left. */
async function search(at: PositionPartition, end: bigint): Promise<LaneState> {
  const { leader, topic, lane } = at;
  const first = await offsetOf(leader, topic, lane, 'earliest', isolation.readUncommitted);
  let found: Partial<LaneState> = {};
  let until = end;
  for (let step = searchStep; until > first; step *= 4n) {
    const from = later(until - step, first);
    found = { ...newestState(await records(at, from, until), lane), ...found };
    if (found.position !== undefined && found.claim !== undefined) break;
    until = from;
  }
  return { position: found.position ?? null, claim: found.claim ?? null };
}

async function records(
  at: PositionPartition,
  from: bigint,
  until: bigint,
): Promise<FetchedMessage[]> {
  const found: FetchedMessage[] = [];
  for (let offset = from; offset < until; ) {
    const { messages, next } = await fetchCommitted(at.leader, at.topic, at.lane, offset);
    found.push(...messages.filter((message) => BigInt(message.offset) < until));
    offset = next;
  }
  return found;
}

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
