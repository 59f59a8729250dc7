import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readGatewayConfig } from '../../../examples/serial-gateway/config.js';
import { readConfig } from '../../../proxy/config.js';
import { encodeTable } from '../../../sdk/table-id.js';
import { projectFolder } from '../../kafka/jars.js';

// What a person writes of meters in gateway.yaml, and what is said where it is wrong.

const test = suite('meters in gateway.yaml');
let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-modbus-config-'));
});
test.after(() => rm(folder, { recursive: true, force: true }));

async function read(text: string) {
  const path = join(folder, 'gateway.yaml');
  await writeFile(path, text);
  return readGatewayConfig(path).catch((error: Error) => error.message.replaceAll(`${path}:`, ''));
}

const good = `
proxy: { host: edge-1 }
store: ./events
lines:
  - path: /dev/ttyUSB0
    baudRate: 9600
    bus:
      drops: [1, 2]
      modbus:
        - address: 17
          device: meter-hall-3
          stream: energy
          registers:
            - { name: kwh, at: 0, type: uint32, decimals: 2 }
            - { name: door, kind: discrete, at: 4, type: bool }
`;
function devices(config: Awaited<ReturnType<typeof read>>): string[] {
  if (typeof config === 'string') throw new Error(config);
  return config.lines.flatMap(({ bus }) => (bus?.modbus ?? []).map(({ device }) => device));
}
const but = (from: string | RegExp, to: string) => read(good.replace(from, to));

test('what is not said has its default, and the store is beside the file', async () => {
  const config = await read(good);
  if (typeof config === 'string') throw new Error(config);
  assert.is(config.store, join(folder, 'events'));
  assert.equal(config.lines[0]!.bus!.modbus, [
    {
      ...{ address: 17, device: 'meter-hall-3', everyMs: 10_000, answerTimeoutMs: 200 },
      stream: 'energy',
      registers: [
        { name: 'kwh', kind: 'holding', at: 0, type: 'uint32', wordOrder: 'big', decimals: 2 },
        { name: 'door', kind: 'discrete', at: 4, type: 'bool', wordOrder: 'big' },
      ],
    },
  ]);
});

test('the README’s example is one, and so is gateway.yaml’s without its marks of a comment', async () => {
  const ours = join(projectFolder, 'examples/serial-gateway');
  const readme = await readFile(join(ours, 'README.md'), 'utf8');
  const [, example] = /```yaml\n([^`]*modbus:[^`]*)```/.exec(readme)!;
  assert.is((devices(await read(example!)) ?? [])[0], 'meter-hall-3');
  const yaml = await readFile(join(ours, 'gateway.yaml'), 'utf8');
  const told = yaml.replaceAll(/^ {2}# (?=- | {2})/gm, '  ').replace('# store', 'store');
  assert.equal(devices(await read(told)), ['meter-hall-3']);
});

test('a bus of meters alone needs no drops', async () => {
  assert.type(await but('      drops: [1, 2]\n', ''), 'object');
  const nobody = await read(`${good.slice(0, good.indexOf('      drops'))}      roundMs: 20\n`);
  assert.match(`${nobody}`, /^7: lines\.0\.bus: expected drops, scan or modbus/);
});

const inMeter = String.raw`lines\.0\.bus\.modbus\.0\.`;
const mistakes: [string, string | RegExp, string, RegExp][] = [
  [
    'an address that is a drop’s too',
    'address: 17',
    'address: 2',
    new RegExp(
      `^10: ${inMeter}address: expected an address of its own: drops has it too, found 2$`,
    ),
  ],
  [
    'an address beyond 247',
    '17',
    '250',
    new RegExp(`^10: ${inMeter}address: expected at most 247`),
  ],
  [
    'no store',
    /store.*\n/,
    '',
    /store: expected a folder, since there are meters.*, it is missing$/,
  ],
  [
    'a type that there is not',
    'uint32',
    'uint64',
    /^14: .*registers\.0\.type: expected uint16 or int16 or .* or bool, found "uint64"$/,
  ],
  [
    'a number in a coil',
    'discrete, at: 4, type: bool',
    'coil, at: 4, type: uint16',
    /^15: .*registers\.1\.type: expected bool where kind is coil or discrete, and only there, found "uint16"$/,
  ],
  ['decimals of a bool', 'bool', 'bool, decimals: 1', /registers\.1\.decimals: expected none/],
  [
    'two fields of one name',
    'door',
    'kwh',
    /^15: .*registers\.1\.name: expected a name of its own/,
  ],
  ['a register beyond the last', 'at: 0', 'at: 65535', /^14: .*at: expected at most 65534/],
  [
    'a device that is no file name',
    'meter-hall-3',
    '../meter',
    /device: expected a name of letters/,
  ],
  ['a key that there is not', 'at: 4', 'address: 4, at: 4', /^15: .*address: there is no such key/],
  [
    'an adapter that may be several',
    'path: /dev/ttyUSB0',
    'usb: { vendorId: "0403" }',
    /^5: lines\.0\.usb\.serialNumber: expected the serial number of one adapter, or a path instead/,
  ],
];
for (const [what, from, to, said] of mistakes) {
  test(`${what} is one line, with where and what to do`, async () => {
    const message = await but(from, to);
    if (typeof message !== 'string') throw new Error('it was taken');
    assert.is(message.split('\n').length, 1, message);
    assert.match(message, said);
  });
}

test('names that are too long together are said here, and those that a device takes are taken', async () => {
  const withNames = (names: readonly string[]) => {
    const registers = names.map(
      (name, at) => `            - { name: ${name}, at: ${at}, type: uint16 }`,
    );
    return read(`${good.slice(0, good.indexOf('            - {'))}${registers.join('\n')}\n`);
  };
  // 20 of nine characters and one more: with `energy` 238 bytes.
  const most = Array.from({ length: 20 }, (_, at) => `register${String.fromCharCode(97 + at)}`);
  const table = (names: readonly string[]) => () => {
    const fields = Object.fromEntries(names.map((name) => [name, 0]));
    return encodeTable([{ name: 'energy', fields } as never]);
  };
  const fits = [...most, 'x'.repeat(9)];
  assert.is(table(fits)().length, 238);
  assert.type(await withNames(fits), 'object');
  const tooLong = [...most, 'x'.repeat(10)];
  assert.throws(table(tooLong), /take 239 bytes together/);
  assert.match(
    `${await withNames(tooLong)}`,
    /^12: lines.*0\.stream: expected its name and its registers' in 238 bytes .* they take 239/,
  );
});

test('two meters are neither at one address nor one device', async () => {
  const second = good.slice(good.indexOf('        - address'));
  const message = await read(good + second);
  assert.match(`${message}`, /modbus\.1\.address: expected .*: another meter has it too, found 17/);
  const other = await read(good + second.replace('17', '18'));
  assert.match(`${other}`, /^17: lines\.0\.bus\.modbus\.1\.device: expected a name of its own/);
});

test('the proxy’s own lines have none: the gateway reads them', async () => {
  const path = join(folder, 'site.yaml');
  const lines = good.slice(good.indexOf('lines:') + 7).replaceAll(/^/gm, '  ');
  await writeFile(path, `site: hall\njournal: { folder: ./j }\nlisten:\n  serial:\n${lines}`);
  const message = await readConfig(path).then(
    () => 'it was taken',
    (error: Error) => error.message,
  );
  assert.match(message, /serial\.0\.bus\.modbus: expected none: `headwater gateway` reads meters/);
});

test.run();
