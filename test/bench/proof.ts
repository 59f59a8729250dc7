// What makes a figure count: each event that devices sent is in Kafka once and in order, read by Kafka's own Java client.

import { consume } from '../kafka/read-back.js';

/** By device, all of one boot: how many events it sent. */
export type Sent = ReadonlyMap<string, number>;

/** Throws where one event is missing, twice, or behind a later one. */
export async function prove(bootstrap: string, topic: string, sent: Sent): Promise<void> {
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
  const wrong = [...sent].filter(([device, events]) => (next.get(device) ?? 0) !== events);
  if (wrong.length === 0) return;
  const shown = wrong.map(([device, events]) => `${device} ${next.get(device) ?? 0} of ${events}`);
  throw new Error(`${topic}: ${shown.slice(0, 5).join(', ')}`);
}
