// `--report NAME.html`: the page, and the same as JSON beside it; `--report NAME.json`: that alone.

import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from 'headwater/site';
import type { Outcome } from '../simulation.js';
import type { Summary } from './summary.js';

/** Throws a ConfigError where there will be no report: before the run, not behind it. */
export async function checkReport(file: string): Promise<void> {
  if (!/\.(html?|json)$/.test(file)) {
    throw new ConfigError(`--report ${file}: expected a file that ends in .html or .json`);
  }
  await access(dirname(file), constants.W_OK).catch((error: Error) => {
    throw new ConfigError(`--report ${file}: ${error.message}`);
  });
}

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
