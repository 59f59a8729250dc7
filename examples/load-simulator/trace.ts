import type { Workload } from './workload.js';

export async function traceWorkload(_options: {
  trace: string;
  columns: string | undefined;
  stream: string;
  speed: number;
}): Promise<Workload> {
  throw new Error('later');
}
