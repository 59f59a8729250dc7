import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import { projectFolder } from '../kafka/jars.js';
import { edited } from './build-copy.js';
import { mutants } from './mutants.js';

test('each mutant still finds what it breaks', async () => {
  for (const { edits } of mutants) {
    const texts = new Map<string, string>();
    for (const edit of edits) {
      const text =
        texts.get(edit.file) ?? (await readFile(join(projectFolder, 'dist', edit.file), 'utf8'));
      texts.set(edit.file, edited(text, edit));
    }
  }
});

test.run();
