// examples/alerts.yaml as tests read it, and promtool, which comes with Prometheus.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { projectFolder } from '../kafka/jars.js';

export const file = join(projectFolder, 'examples/alerts.yaml');
const run = promisify(execFile);

export interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: { summary: string; means: string; do: string };
}

export async function readRules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** What it says; null where there is none. */
export async function promtool(...words: string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await run('promtool', words);
    return stdout + stderr;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout?: string; stderr?: string };
    if (code === 'ENOENT') return null;
    throw new Error(`${stdout}${stderr}`);
  }
}

/** Rejects where a test of the rules fails. */
export async function testRules(tests: object[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-alerts-'));
  try {
    const path = join(folder, 'tests.yaml');
    const content = { rule_files: [file], evaluation_interval: '1m', tests };
    await writeFile(path, stringify(content));
    return (await promtool('test', 'rules', path)) ?? '';
  } finally {
    await rm(folder, { recursive: true });
  }
}

export const hasPromtool = (await promtool('--version')) !== null;
if (!hasPromtool) console.log('skipped: there is no promtool (apt-get install prometheus)');
