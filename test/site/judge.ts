// The end of a run: is everything in Kafka that the devices say they sent, once and in order, and do
// the proxy's books say the same?

import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import type { Mote } from './mote.js';
import type { ProxyProcess } from './proxy-process.js';
import { createCounter, isClean, sentence } from './verdict.js';

export async function judge(
  bootstrap: string,
  topic: string,
  motes: readonly Pick<Mote, 'device' | 'sent'>[],
): Promise<void> {
  const counter = createCounter();
  for (const record of await consume({ bootstrap, topics: [topic] })) {
    counter.take({
      key: record.key?.toString() ?? '',
      headers: record.headers,
      value: record.value?.toString() ?? '',
    });
  }
  const verdict = counter.judge(new Map(motes.map((mote) => [mote.device, mote.sent])));
  assert.ok(isClean(verdict), sentence(verdict));
}

export interface PrintedBooks {
  received: number;
  committed: number;
  buffered: number;
  balanced: boolean;
}

/** What the proxy printed at its end. */
export function books(proxy: ProxyProcess): PrintedBooks {
  const entry = proxy.log.find((line) => line.msg === 'books');
  if (entry === undefined) throw new Error('no books were printed');
  return entry.books as PrintedBooks;
}
