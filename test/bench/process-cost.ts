// What a process costs, as Linux counts it: CPU time of all its threads, and resident memory.

import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ, which is 100 on every Linux. */
const tickMs = 10;

/** User and system, ms. */
export async function cpuMs(pid: number): Promise<number> {
  return ticksOf(await readFile(`/proc/${pid}/stat`, 'utf8')) * tickMs;
}

/** By thread, the busiest first: who did the work. */
export async function cpuMsByThread(pid: number): Promise<{ thread: string; ms: number }[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const all = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => null);
      if (stat === null) return { thread, ms: 0 };
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      return { thread: `${name} ${thread}`, ms: ticksOf(stat) * tickMs };
    }),
  );
  return all.sort((a, b) => b.ms - a.ms);
}

/** Bytes in memory; without what is shared with files where the kernel tells it apart. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
