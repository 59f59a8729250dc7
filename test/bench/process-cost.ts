// What a process costs, as Linux counts it: CPU time of all its threads, and resident memory.

import { readFile } from 'node:fs/promises';

/** USER_HZ, which is 100 on every Linux. */
const tickMs = 10;

/** User and system, ms. */
export async function cpuMs(pid: number): Promise<number> {
  return ticksOf(await readFile(`/proc/${pid}/stat`, 'utf8')) * tickMs;
}

/** Bytes in memory, those of the program's files among them. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Looks ten times a second for the most, until it is ended. */
export function watchResident(pid: number): { mostMb(): number; end(): void } {
  let mostMb = 0;
  const look = setInterval(async () => {
    mostMb = Math.max(mostMb, (await residentBytes(pid).catch(() => 0)) / 1e6);
  }, 100);
  return { mostMb: () => mostMb, end: () => clearInterval(look) };
}

function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
