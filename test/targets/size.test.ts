import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureSizes, pageTables } from '../../targets/size.js';

test('every import is within its budget, and the pages show what it costs', async () => {
  const sizes = await measureSizes();
  for (const { target, import: name, bytes, bytesMax } of sizes) {
    assert.ok(bytes > 0, `${target} ${name} is empty`);
    assert.ok(bytes <= bytesMax, `${target} ${name}: ${bytes} B, at most ${bytesMax}`);
  }
  for (const { path, marks, table } of await pageTables(sizes)) {
    const page = await readFile(path, 'utf8');
    const shown = page.slice(page.indexOf(marks[0]) + marks[0].length, page.indexOf(marks[1]));
    assert.is(shown.trim(), table, `npm run size -- --write brings ${path} up to date`);
  }
});

test.run();
