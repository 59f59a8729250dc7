import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storageScript } from '../../targets/storage.js';

// What `--storage` writes, played against Storage's own rules: the size comes first, and each piece follows the one before.

test('the script writes the firmware byte for byte, and starts it', () => {
  const code = `${'print("a\\\\b\u00e9\t");\n'.repeat(120)}// é ${String.fromCharCode(0x1f600)}`;
  const bytes = Buffer.from(code);
  const files: Record<string, Buffer> = {};
  let loaded = 0;
  const storage = {
    erase: (name: string) => {
      delete files[name];
    },
    write: (name: string, text: string, at: number, size?: number) => {
      files[name] ??= Buffer.alloc(size ?? -1, 255);
      for (let index = 0; index < text.length; index++) {
        assert.is(files[name][at + index], 255, 'flash is written once');
        files[name][at + index] = text.charCodeAt(index);
      }
    },
  };
  const script = storageScript(code);
  assert.ok(script.split('\n').every((line) => line.length < 2200));
  runInNewContext(script, { require: () => storage, load: () => loaded++ });
  assert.equal(files['.bootcde'], bytes);
  assert.is(loaded, 1);
});

test.run();
