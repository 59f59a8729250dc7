import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureSizes, readmeMarks, sizeTable } from '../../targets/size.js';
import { projectFolder } from '../kafka/jars.js';

test('every import is within its budget, and the README shows what it costs', async () => {
  const sizes = await measureSizes();
  for (const { target, import: name, bytes, bytesMax } of sizes) {
    assert.ok(bytes > 0, `${target} ${name} is empty`);
    assert.ok(bytes <= bytesMax, `${target} ${name}: ${bytes} B, at most ${bytesMax}`);
  }
  const readme = await readFile(join(projectFolder, 'README.md'), 'utf8');
  const [open, close] = readmeMarks;
  const shown = readme.slice(readme.indexOf(open) + open.length, readme.indexOf(close)).trim();
  assert.is(shown, sizeTable(sizes), 'npm run size -- --write brings README.md up to date');
});

test.run();
