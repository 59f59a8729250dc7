// What makes a figure count: each event that devices sent is in Kafka once and in order, read by Kafka's own Java client.

import { consume } from '../kafka/read-back.js';

export interface Expected {
  bootstrap: string;
  topic: string;
  devices: number;
  /** Events of each device, all of one boot. */
  each: number;
}

/** Throws where one event is missing, twice, or behind a later one. */
export async function prove({ bootstrap, topic, devices, each }: Expected): Promise<void> {
  const next = new Map<string, number>();
  await consume({
    ...{ bootstrap, topics: [topic], timeoutMs: 300_000 },
    each({ key, headers, partition, offset }) {
      const device = `${key}`;
      const seq = Number(headers['hw-id']?.split('/')[1]);
      const expected = next.get(device) ?? 0;
      if (seq !== expected) {
        const where = `${topic}, partition ${partition}, offset ${offset}`;
        throw new Error(`${device}: ${seq} and not ${expected}: ${where}`);
      }
      next.set(device, expected + 1);
    },
  });
  const short = [...next].filter(([, seqs]) => seqs !== each);
  if (next.size === devices && short.length === 0) return;
  throw new Error(`${topic}: ${next.size} of ${devices} devices; not ${each}: ${short.join(' ')}`);
}
