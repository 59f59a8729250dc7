// One opening of a journal, in a process of its own: says what it took, appends a tail that no checkpoint covers, and ends without closing.

import { createBooks } from '../../proxy/books.js';
import { systemClock } from '../../proxy/clock.js';
import { nodeDisk } from '../../proxy/disk-node.js';
import { openJournal } from '../../proxy/journal/journal.js';
import { JournalReader } from '../../proxy/journal/reader.js';
import { blockOf, settled } from './journal-open-blocks.js';

const [folder = '', bytesMax = '0', tailBytes = '0'] = process.argv.slice(2);
const disk = nodeDisk();
const began = performance.now();
const before = process.cpuUsage();
const journal = await openJournal({
  ...{ folder, disk, clock: systemClock(), books: createBooks(), bytesMax: Number(bytesMax) },
});
const openMs = performance.now() - began;
const { user, system } = process.cpuUsage(before);
const cpuMs = (user + system) / 1000;

// What each lane does first.
const reader = new JournalReader({ folder, disk });
const readBegan = performance.now();
await reader.read(await reader.begin(), journal.syncedEnd, 65_536);
const firstReadMs = performance.now() - readBegan;

const end = journal.syncedEnd + Number(tailBytes);
let tailRecords = 0;
while (journal.syncedEnd + journal.pendingBytes < end) {
  if (journal.append(blockOf(journal, tailRecords, 200))) tailRecords++;
  else await settled(journal);
}
if (journal.pendingBytes > 0) await settled(journal);
console.log(
  JSON.stringify({ openMs, cpuMs, firstReadMs, segments: reader.segmentCount, tailRecords }),
);
process.exit(0);
