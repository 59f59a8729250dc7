import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until it is true. The deadline only ends a hang. */
export async function until(
  done: () => boolean | Promise<boolean>,
  { lookMs = 20, deadlineMs = 60_000 } = {},
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${done}`);
    await sleep(lookMs);
  }
}
