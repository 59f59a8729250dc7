// A table in a document of this repository that a command writes: between <!-- MARK: … --> and <!-- /MARK -->.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';

/** `name`: the document's, from the repository's root. */
export async function intoDocument(name: string, mark: string, text: string): Promise<void> {
  const path = join(projectFolder, name);
  const document = await readFile(path, 'utf8');
  const between = new RegExp(`(<!-- ${mark}: .*? -->\\n)[\\s\\S]*?(\\n<!-- /${mark} -->)`);
  if (!between.test(document)) throw new Error(`${name} has no place for ${mark}`);
  await writeFile(
    path,
    document.replace(between, (_, begin, end) => `${begin}\n${text}\n${end}`),
  );
}
