// A process of its own that asks the disk alone, beside what is measured: `node disk.js FOLDER`. Writes 4 KiB into a file that has its size, and
// syncs it, every 20 ms: what a journal's group costs in that moment. Says how long each took when it is told to stop.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface DiskMessage {
  kind: 'done';
  /** ms, one per write. */
  syncMs: number[];
}

const groupBytes = 4_096;
const groups = 4_096;
const everyMs = 20;

const group = Buffer.alloc(groupBytes, 7);
const file = openSync(join(process.argv[2] ?? '.', 'disk-alone'), 'w');
for (let at = 0; at < groups; at++) writeSync(file, group, 0, groupBytes, at * groupBytes);
fdatasyncSync(file);

const syncMs: number[] = [];
const timer = setInterval(() => {
  const begin = performance.now();
  writeSync(file, group, 0, groupBytes, (syncMs.length % groups) * groupBytes);
  fdatasyncSync(file);
  syncMs.push(performance.now() - begin);
}, everyMs);

process.once('disconnect', () => process.exit(0));
process.once('message', () => {
  clearInterval(timer);
  closeSync(file);
  const message: DiskMessage = { kind: 'done', syncMs };
  process.send?.(message, () => process.disconnect());
});
