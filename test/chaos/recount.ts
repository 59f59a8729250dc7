import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { startBroker } from '../kafka/broker.js';
import { harvest } from './harvest.js';
import type { Page } from './ledger.js';
import { createTally, type Verdict } from './tally.js';

// Counts a run again that was kept, or that ended before its count: Kafka is started on the run's data, and what devices
// sent is read from sent.log. A device of such a run has one boot: the first that Kafka shows; others are made up.

export async function recount(
  folder: string,
  say: (line: string) => void,
): Promise<{ verdict: Verdict; remarks: readonly string[] }> {
  const { site } = parse(await readFile(join(folder, 'site.yaml'), 'utf8')) as { site: string };
  const pages = await pagesOf(join(folder, 'sent.log'));
  say(`starting Kafka on ${folder} …`);
  const broker = await startBroker({ dataFolder: join(folder, 'kafka'), log: say });
  try {
    const tally = createTally(`${site}.`);
    const boots = new Map<string, number>();
    const topics = ['climate', 'alarm', 'headwater.loss'].map((topic) => `${site}.${topic}`);
    await harvest(broker.bootstrap, topics, {
      take(record) {
        const boot = /^(\d+)\//.exec(record.headers['hw-id'] ?? '')?.[1];
        if (boot !== undefined && !boots.has(record.key)) boots.set(record.key, Number(boot));
        tally.take(record);
      },
    });
    return { verdict: tally.judge({ pages }, boots), remarks: tally.remarks };
  } finally {
    await broker.stop();
  }
}

async function pagesOf(file: string): Promise<Map<string, Page>> {
  const pages = new Map<string, Page>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [device = '', , word] = line.split(' ');
    const page = pages.get(device) ?? { taken: [] };
    pages.set(device, page);
    page.taken.push(word === 'taken');
  }
  return pages;
}
