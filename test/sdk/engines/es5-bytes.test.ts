import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../../kafka/jars.js';

// The bytes that an engine of ES5 is lent. mquickjs has a Uint8Array without forEach, and an Array.prototype.forEach that refuses it.

const { outputFiles } = await build({
  entryPoints: [`${projectFolder}/dist/sdk/engines/es5-bytes.js`],
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'lent',
});
const lent = outputFiles[0]!.text;

const engines: Record<string, string> = {
  mquickjs: `delete Object.getPrototypeOf(Uint8Array.prototype).forEach;
    const forEach = Array.prototype.forEach;
    Array.prototype.forEach = function (act) {
      if (!Array.isArray(this)) throw new TypeError('not an array');
      forEach.call(this, act);
    };`,
  MuJS: 'delete globalThis.Uint8Array;',
};

for (const [name, lacks] of Object.entries(engines)) {
  test(`as in ${name}: forEach goes through a Uint8Array and a view of it`, () => {
    const seen = runInNewContext(`${lacks}\n${lent}
      const seen = [];
      const bytes = new lent.Uint8Array([1, 2, 300, 4]);
      bytes.forEach((byte) => seen.push(byte));
      bytes.subarray(1, 3).forEach((byte) => seen.push(byte));
      seen.join(' ');`);
    assert.is(seen, '1 2 44 4 2 44');
  });
}

test.run();
