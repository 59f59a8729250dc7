import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readGatewayConfig } from '../../../examples/serial-gateway/config.js';
import { readConfig } from '../../../proxy/config.js';

// What a person writes of serial lines, in site.yaml and in gateway.yaml, and what is said where it is wrong.

const test = suite('serial lines in a configuration');
let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-lines-'));
});
test.after(() => rm(folder, { recursive: true, force: true }));

async function mistakes(...entries: string[]): Promise<string[]> {
  const path = join(folder, 'gateway.yaml');
  const lines = entries.map((entry) => `  - ${entry}\n`).join('');
  await writeFile(path, `proxy: { host: edge-1 }\nlines:\n${lines}`);
  return readGatewayConfig(path).then(
    () => [],
    (error: Error) => error.message.replaceAll(`${path}:`, '').split('\n'),
  );
}

test('a path that two entries have', async () => {
  const said = await mistakes(
    '{ path: /dev/ttyS0, bus: { drops: [1] } }',
    '{ path: /dev/ttyS1 }',
    '{ path: /dev/ttyS0, bus: { drops: [2] } }',
  );
  assert.is(said.length, 1, said.join('\n'));
  assert.match(said[0]!, /^5: lines\.2\.path: expected a path of its own: entry 0 has it too; /);
  assert.equal(
    await mistakes('{ usb: { vendorId: "0403" } }', '{ usb: { vendorId: "10c4" } }'),
    [],
  );

  const path = join(folder, 'site.yaml');
  const serial = '[{ path: /dev/ttyS0 }, { path: /dev/ttyS0 }]';
  await writeFile(path, `site: hall\njournal: { folder: ./j }\nlisten: { serial: ${serial} }\n`);
  const message = await readConfig(path).then(
    () => 'it was taken',
    (error: Error) => error.message,
  );
  assert.match(message, /listen\.serial\.1\.path: expected a path of its own/);
});

test('a drop that is named twice', async () => {
  const said = await mistakes('{ path: /dev/ttyS0, bus: { drops: [4, 7, 4] } }');
  assert.equal(said, ['3: lines.0.bus.drops.2: expected each address once, found 4']);
});

test('a scan that ends before it begins', async () => {
  const said = await mistakes('{ path: /dev/ttyS0, bus: { scan: { from: 9, to: 3 } } }');
  assert.equal(said, ['3: lines.0.bus.scan.to: expected from or above, found 3']);
});

test('flow control of a bus', async () => {
  const said = await mistakes('{ path: /dev/ttyS0, flowControl: rts-cts, bus: { drops: [1] } }');
  const mistake = 'expected none: a bus has no flow control, found "rts-cts"';
  assert.equal(said, [`3: lines.0.flowControl: ${mistake}`]);
});

test.run();
