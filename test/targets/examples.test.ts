import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';

// The firmwares of examples/ build for the board that their folder is for.

for (const [folder, target] of [
  ['espruino-serial', 'espruino'],
  ['espruino-wifi', 'espruino'],
  ['quickjs', 'quickjs'],
  ['.', 'es5'],
  ['.', 'quickjs'],
] as const) {
  test(`${folder} for ${target}`, async () => {
    const file = join(projectFolder, 'examples/sensor-firmware', folder, 'firmware.ts');
    const built = await buildFirmware({ entry: { file }, target, minify: true });
    assert.equal(
      built.streams.map(({ name }) => name),
      ['climate'],
    );
    assert.ok(built.bytes > 3000);
  });
}

test.run();
