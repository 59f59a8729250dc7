// The commands of this repository that say "no violation": asked to look at nothing they say that this is wrong use, and end with 2.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';

const run = promisify(execFile);

for (const [script, option, ...values] of [
  ['journal-states/journal-states.js', '--states', '0', 'many'],
  ['simulation/seeds.js', '--count', '0', 'many'],
] as const) {
  test(`${script} ${option} ${values.join(', ')}`, async () => {
    for (const value of values) {
      const path = join(projectFolder, 'dist/test', script);
      const ended = await run(process.execPath, [path, option, value]).then(
        ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
      assert.is(ended.code, 2, ended.stdout);
      assert.is(ended.stdout, '');
      assert.match(ended.stderr, `option '${option} <n>' argument '${value}' is invalid`);
    }
  });
}

test.run();
