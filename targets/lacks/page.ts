// `node dist/targets/lacks/page.js` writes the tables of lacks into docs/TARGETS.md, which a test compares.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { es5Lacks } from './es5.js';
import { espruinoLacks } from './espruino.js';
import type { Lack } from './lack.js';

export const tables: Record<string, readonly Lack[]> = { espruino: espruinoLacks, es5: es5Lacks };
export const page = join(fileURLToPath(new URL('../../..', import.meta.url)), 'docs/TARGETS.md');

/** Between these marks a target's table stands. */
export const marks = (target: string): readonly [string, string] => [
  `<!-- lacks of ${target}: node dist/targets/lacks/page.js -->`,
  `<!-- /lacks of ${target} -->`,
];

export function lackTable(lacks: readonly Lack[]): string {
  const text = (words: string) => words.replaceAll('|', String.raw`\|`);
  const code = (words: string) => `\`\`${text(words).replaceAll('\n', ' ')}\`\``;
  return [
    '| construct | what happens there | what to write instead | example |',
    '| --- | --- | --- | --- |',
    ...lacks.map(
      (lack) =>
        `| ${text(lack.what)} | ${text(lack.happens)} | ${text(lack.instead)} | ${code(lack.example)} |`,
    ),
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let text = await readFile(page, 'utf8');
  for (const [target, lacks] of Object.entries(tables)) {
    const [open, close] = marks(target);
    const start = text.indexOf(open) + open.length;
    text = `${text.slice(0, start)}\n\n${lackTable(lacks)}\n\n${text.slice(text.indexOf(close))}`;
  }
  await writeFile(page, text);
}
