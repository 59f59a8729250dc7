// What devices say that they sent, written down outside of them at each send(): in memory for the judge, and
// in a file for whoever looks into a run that failed. The n-th call of send() has seq n, taken or not: [W-1].

import { createWriteStream } from 'node:fs';

/** Every seventh event goes to a second stream, so that a transaction has several topics. */
export const streamOf = (seq: number): 'climate' | 'alarm' => (seq % 7 === 6 ? 'alarm' : 'climate');

/** What an event carries says which it is: a changed one is seen. */
export const eventOf = (seq: number): { n: number; t: number } => ({
  n: seq,
  t: (seq % 10_000) / 100,
});

export interface Page {
  /** By seq: whether send() took it. */
  taken: boolean[];
}

export interface Ledger {
  pages: ReadonlyMap<string, Page>;
  sent(device: string, seq: number, isTaken: boolean): void;
  close(): Promise<void>;
}

export function openLedger(file: string): Ledger {
  const pages = new Map<string, Page>();
  const output = createWriteStream(file);
  return {
    pages,
    sent(device, seq, isTaken) {
      let page = pages.get(device);
      if (page === undefined) {
        page = { taken: [] };
        pages.set(device, page);
      }
      if (page.taken.length !== seq) {
        throw new Error(`${device}: send() number ${seq} behind ${page.taken.length}`);
      }
      page.taken.push(isTaken);
      output.write(`${device} ${seq} ${isTaken ? 'taken' : 'refused'}\n`);
    },
    close: () => new Promise((resolve) => output.end(resolve)),
  };
}
