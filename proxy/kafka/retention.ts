// Events that waited for days carry the time at which they happened, and Kafka's retention counts from that: they may be deleted before
// anyone reads them. Said once an hour for a topic; nothing is held back. KAFKA.md [K-41]

import { type Broker, topicResource } from './broker.js';
import type { SinkRecord } from './sink.js';

export interface Retention {
  /** `broker`: asked for where a record is old, and no more than once in a while. */
  look(broker: () => Promise<Broker>, records: readonly SinkRecord[]): Promise<void>;
}

export interface RetentionOptions {
  nowMs(): number;
  /** For the command that mends: host:port,… */
  bootstrap: string;
  warn(text: string): void;
}

const names = ['retention.ms', 'cleanup.policy', 'message.timestamp.type'];
/** What is younger is not asked about. */
const youngMs = 60_000;
const knownForMs = 300_000;
const sayAgainMs = 3_600_000;

/** Outlives the sinks of a lane, so that a restart says nothing again. */
export function createRetention({ nowMs, bootstrap, warn }: RetentionOptions): Retention {
  const known = new Map<string, { retentionMs: number; untilMs: number }>();
  const saidAtMs = new Map<string, number>();

  const retentionOf = async (broker: () => Promise<Broker>, topic: string): Promise<number> => {
    const held = known.get(topic);
    if (held !== undefined && nowMs() < held.untilMs) return held.retentionMs;
    const resource = { type: topicResource, name: topic, configNames: names };
    const answer = await broker()
      .then((one) => one.describeConfigs({ resources: [resource] }))
      .catch(() => ({ resources: [] }));
    const retentionMs = readRetention(answer.resources[0]?.configEntries ?? []);
    known.set(topic, { retentionMs, untilMs: nowMs() + knownForMs });
    return retentionMs;
  };

  return {
    async look(broker, records) {
      const youngFromMs = nowMs() - youngMs;
      const oldest = new Map<string, number>();
      for (const { topic, timestampMs } of records) {
        if (timestampMs > youngFromMs) continue;
        oldest.set(topic, Math.min(timestampMs, oldest.get(topic) ?? timestampMs));
      }
      for (const [topic, oldestMs] of oldest) {
        if (nowMs() - (saidAtMs.get(topic) ?? -Infinity) < sayAgainMs) continue;
        const retentionMs = await retentionOf(broker, topic);
        if (nowMs() - oldestMs <= retentionMs) continue;
        saidAtMs.set(topic, nowMs());
        warn(
          `topic ${topic} keeps records for ${spanOf(retentionMs)} (retention.ms), and events of ` +
            `${new Date(oldestMs).toISOString()} are on their way to it: Kafka may delete them before anyone reads them; raise it: ` +
            `kafka-configs.sh --bootstrap-server ${bootstrap} --alter --entity-type topics --entity-name ${topic} ` +
            '--add-config retention.ms=-1',
        );
      }
    },
  };
}

/** Infinity where nothing is deleted for its time, or Kafka does not let us ask. */
function readRetention(entries: readonly { configName: string; configValue: string }[]): number {
  const settings = new Map(entries.map((entry) => [entry.configName, entry.configValue]));
  const deletes = (settings.get('cleanup.policy') ?? '').split(',').includes('delete');
  const isEventTime = settings.get('message.timestamp.type') !== 'LogAppendTime';
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  return deletes && isEventTime && retentionMs >= 0 ? retentionMs : Number.POSITIVE_INFINITY;
}

function spanOf(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2_880
    ? `${Math.round(minutes / 60)} hours`
    : `${Math.round(minutes / 1_440)} days`;
}
