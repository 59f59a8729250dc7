import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeDisk } from '../../../proxy/disk-node.js';
import { recordHeaderBytes } from '../../../proxy/journal/format.js';
import { JournalReader } from '../../../proxy/journal/reader.js';
import type { BlockRecord, Located } from '../../../proxy/journal/record.js';
import type { Random } from '../../random.js';
import type { ProxyProcess } from '../../site/proxy-process.js';
import { until } from '../../site/until.js';
import { type Fault, healed } from '../fault.js';
import type { Scene } from '../scene.js';

// One bit of a journal flips while no proxy runs, in a record of acknowledged events that Kafka has not: Kafka was frozen
// before. That record is lost and no other; it is reported as a range, and the count at the end holds it against what
// arrived.

export const bitFlip: Fault = {
  name: 'bit-flip',
  about: 'a bit of what Kafka has not yet flips in the journal: one record, reported as lost',
  async inject(scene, random) {
    const before = await dropped(scene.running);
    await withBacklog(scene);
    const blocks = await uncommitted(scene);
    // Behind the place of the damage its neighbours tell what it took.
    const victim = random.pick(blocks.slice(0, Math.ceil(blocks.length / 2)));
    await flip(scene, victim, random);
    const { first, count, from, device } = victim.record;
    const events = first + count - from;
    scene.note(`bit-flip: ${device} [${from}, ${from + events}) at ${victim.offset}`);
    return async () => {
      const at = healed();
      const proxy = await scene.startProxy();
      scene.afterwards(async () => {
        // The device's next record tells what is missing before it, and goes to Kafka with that.
        await until(async () => (await dropped(proxy)) > before);
        const cost = (await dropped(proxy)) - before;
        if (cost === events) return;
        scene.amiss.push(`a flipped bit in a record of ${events} events cost ${cost}`);
      });
      return at;
    };
  },
};

const dropped = async (proxy: ProxyProcess) =>
  (await proxy.metric('headwater_events_dropped_total')) ?? 0;

type Block = Located<BlockRecord>;

/** Kafka is frozen until the journal has what it lacks; then the proxy is killed. */
async function withBacklog(scene: Scene): Promise<void> {
  const { running, brokers } = scene;
  const count = async (what: string) =>
    (await running.metric(`headwater_events_${what}_total`)) ?? 0;
  for (const broker of brokers) await broker.kill('SIGSTOP');
  await until(async () => (await count('received')) - (await count('committed')) > 200);
  await sleep(100);
  await scene.killProxy();
  for (const broker of brokers) await broker.kill('SIGCONT');
}

/** The newest blocks, as many as Kafka lacks for sure. */
async function uncommitted({ journal }: Scene): Promise<Block[]> {
  const reader = new JournalReader({ folder: journal, disk: nodeDisk() });
  try {
    const end = await reader.end();
    const blocks: Block[] = [];
    for (let at = await reader.begin(); at < end; ) {
      const { located, next } = await reader.read(at, end, 1 << 20);
      blocks.push(...located.filter((one): one is Block => one.record.kind === 'block'));
      at = next;
    }
    for (let at = blocks.length - 1, events = 0; at > 0; at--) {
      events += blocks[at]!.record.count;
      if (events > 150) return blocks.slice(at);
    }
    return blocks;
  } finally {
    await reader.close();
  }
}

async function flip({ journal }: Scene, { offset }: Block, random: Random): Promise<void> {
  const startOf = (name: string) => Number.parseInt(name, 16);
  const name = (await readdir(journal))
    .filter((file) => file.endsWith('.segment') && startOf(file) <= offset)
    .sort()
    .at(-1)!;
  const file = await open(join(journal, name), 'r+');
  const at = offset - startOf(name);
  try {
    const header = await file.read(Buffer.alloc(recordHeaderBytes), 0, recordHeaderBytes, at);
    const payloadBytes = header.buffer.readUInt32LE(8);
    const position = at + random.below(recordHeaderBytes + payloadBytes);
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
    buffer[0]! ^= 1 << random.below(8);
    await file.write(buffer, 0, 1, position);
    await file.sync();
  } finally {
    await file.close();
  }
}
