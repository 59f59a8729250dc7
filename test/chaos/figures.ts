// A run's figures in a page, between two marks that name its command: the same command run again replaces them, another
// one's come behind.

import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { projectFolder } from '../kafka/jars.js';
import type { FaultSummary, Times } from './report.js';
import { sentence, type Verdict } from './tally.js';

export interface Figures {
  command: string;
  seed: number;
  seconds: number;
  devices: number;
  everyMs: number;
  brokers: number;
  /** Load averages over one minute, taken on the way. */
  loads: readonly number[];
  faults: Record<string, FaultSummary>;
  verdict: Verdict;
  areBooksExact: boolean;
}

const title = '## Kills and faults';
const introduction =
  'The built proxy as a process, Apache Kafka, devices that send without a pause; one fault after the other, healed each time, and ' +
  'flow awaited. At the end a separate read_committed consumer counts by (device, boot, seq). Times are from the fault’s end, or ' +
  'from the new start of a proxy that was killed, to the first event that was sent after it and is readable.';

export async function writeFigures(file: string, figures: Figures): Promise<void> {
  const page = await readFile(file, 'utf8').catch(() => '# Reliability\n');
  await writeFile(file, withFigures(page, figures));
}

export function withFigures(page: string, figures: Figures): string {
  const begin = `<!-- chaos: ${figures.command} -->`;
  const end = '<!-- /chaos -->';
  const block = `${begin}\n\n${text(figures)}\n\n${end}`;
  const at = page.indexOf(begin);
  if (at >= 0) return page.slice(0, at) + block + page.slice(page.indexOf(end, at) + end.length);
  const section = page.indexOf(title);
  if (section < 0) return `${page.trimEnd()}\n\n${title}\n\n${introduction}\n\n${block}\n`;
  const next = page.indexOf('\n## ', section + 1);
  const rest = next < 0 ? '' : page.slice(next);
  return `${page.slice(0, next < 0 ? page.length : next).trimEnd()}\n\n${block}\n${rest}`;
}

function text(figures: Figures): string {
  const { command, seed, seconds, devices, everyMs, brokers, loads, faults, verdict } = figures;
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  const kafka = brokers === 1 ? 'one broker' : `${brokers} brokers`;
  return [
    `\`${command} --seed ${seed}\`: ${kafka}, ${devices} devices that send every ${everyMs} ms, ${seconds} s, ${commit()}, on ` +
      `${cpus().length} cores at a load of ${mean.toFixed(1)} on average, ${Math.max(...loads).toFixed(1)} at most.`,
    `\`${sentence(verdict)}\`; the books of proxy and devices ${figures.areBooksExact ? 'say the same' : 'SAY OTHERWISE'}.`,
    rows(faults),
  ].join('\n\n');
}

function rows(faults: Record<string, FaultSummary>): string {
  const times = (found: Times | null) =>
    found === null ? '–' : `${found.min} / ${found.median} / ${found.max}`;
  return [
    '| fault | times | flows after ms, min / median / max | every device after ms | later than 5 s |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...Object.entries(faults).map(
      ([name, { count, resumedMs, allMs, over5s }]) =>
        `| ${name} | ${count} | ${times(resumedMs)} | ${times(allMs)} | ${over5s} |`,
    ),
  ].join('\n');
}

/** What was measured, for whoever measures again. */
function commit(): string {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: projectFolder, encoding: 'utf8' }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--', ':!docs') !== '';
    return `commit ${git('rev-parse', '--short', 'HEAD')}${isChanged ? ' with changes' : ''}`;
  } catch {
    return 'no commit';
  }
}
