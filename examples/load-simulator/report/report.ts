// `--report NAME.html`: the page, and the same as JSON beside it; `--report NAME.json`: that alone.

import { writeFile } from 'node:fs/promises';
import { ConfigError } from 'headwater/site';
import type { Outcome } from '../simulation.js';
import type { Summary } from './summary.js';

export async function writeReport(file: string, summary: Summary, outcome: Outcome): Promise<void> {
  const content = { ...summary, seconds: outcome.seconds };
  const json = `${JSON.stringify(content, null, 1)}\n`;
  try {
    if (file.endsWith('.json')) {
      await writeFile(file, json);
      return;
    }
    const { page } = await import('./page.js');
    await writeFile(file.replace(/\.html?$/, '.json'), json);
    await writeFile(file, await page(content));
  } catch (error) {
    throw new ConfigError(`--report ${file}: ${(error as Error).message}`);
  }
}
