import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseConfig } from '../../../proxy/config.js';
import { ConfigError } from '../../../proxy/config-file.js';
import { projectFolder } from '../../kafka/jars.js';
import { check, type Target } from '../target.js';

// site.yaml, from whoever wrote it: a mistake is said in lines that stand on their own.

const path = 'site.yaml';

function run(input: Uint8Array): string {
  const text = Buffer.from(input).toString();
  try {
    const { journal, listen, kafka } = parseConfig(text, path);
    check(journal.bytesMax > 0 && (listen.tcp?.port ?? 0) <= 65_535, 'a number out of range');
    return `sound, ${kafka === null ? 'no Kafka' : 'Kafka'}`;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.message.split('\n');
    for (const line of lines)
      check(line.startsWith(path), `a line that does not say where: ${line}`);
    const kinds = lines.map((line) =>
      line.replace(/^[^ ]* /, '').replace(/found .*|"[^"]*"|\d+/g, ''),
    );
    return (kinds[0] ?? '').slice(0, 60);
  }
}

const scalar = fc.oneof(
  fc.constantFrom(
    '~',
    'true',
    'yes',
    '1',
    '-1',
    '0x7f',
    '1e99',
    '.inf',
    '.nan',
    '""',
    "'a'",
    '10 GB',
  ),
  fc.constantFrom(
    '[]',
    '{}',
    '[1, 2]',
    '*a',
    '*b',
    '!!binary aGk=',
    '!foo 1',
    '|',
    '>',
    '2001-01-01',
  ),
  fc.constantFrom(
    '127.0.0.1:9092',
    'kafka',
    'journal',
    './journal',
    'gzip',
    'hall',
    '9007199254740993',
  ),
  fc.string({ maxLength: 12 }),
);
const keys = [
  'site',
  'listen',
  'tcp',
  'udp',
  'serial',
  'port',
  'host',
  'journal',
  'folder',
  'bytesMax',
]
  .concat([
    'ack',
    'delivery',
    'kafka',
    'brokers',
    'topics',
    'routes',
    'compression',
    'sasl',
    'password',
  ])
  .concat([
    'bus',
    'drops',
    'scan',
    'modbus',
    'registers',
    'path',
    'usb',
    'vendorId',
    'limits',
    'log',
  ])
  .concat(['__proto__', 'constructor', 'toString', '<<', '? [a]', '? {a: 1}', '&a a', '- -', '-']);

const lines = fc.array(
  fc.tuple(
    fc.nat(4),
    fc.constantFrom(...keys),
    fc.constantFrom('', '', '&a ', '&b ', '!!set '),
    scalar,
    fc.boolean(),
  ),
  { maxLength: 14 },
);

const text = lines.map((all) => {
  const body = all.map(
    ([depth, key, tag, value, isSection]) =>
      `${' '.repeat(depth * 2)}${key}: ${tag}${isSection ? '' : value}`,
  );
  return `site: hall\njournal: { folder: x }\n${body.join('\n')}\n`;
});

/** What a parser may take long for, or fall over. */
const heavy = fc
  .tuple(
    fc.integer({ min: 1, max: 800 }),
    fc.constantFrom('[', '{a: ', '- ', '? ', '&a ', '"', '#', '!'),
  )
  .map(([times, part]) => `site: ${part.repeat(times)}\n`);
const laughs = fc.integer({ min: 2, max: 12 }).map((depth) => {
  const rows = Array.from({ length: depth }, (_, at) =>
    at === 0 ? 'x0: &x0 [lol, lol]' : `x${at}: &x${at} [${`*x${at - 1}, `.repeat(9)}1]`,
  );
  return `${rows.join('\n')}\nsite: *x${depth - 1}\n`;
});

export const configTarget: Target = {
  name: 'config',
  checks: 'a configuration, or a ConfigError of lines that each begin with the file',
  // Read once at the start, and written by whoever owns the machine.
  slowMs: 500,
  arbitrary: fc
    .oneof(
      { weight: 8, arbitrary: text },
      { weight: 1, arbitrary: heavy },
      { weight: 1, arbitrary: laughs },
    )
    .map((one) => new Uint8Array(Buffer.from(one))),
  seeds: () => [
    {
      name: 'examples/site.yaml',
      bytes: new Uint8Array(readFileSync(join(projectFolder, 'examples/site.yaml'))),
    },
    ...fc.sample(text, { numRuns: 6, seed: 3 }).map((one, at) => ({
      name: `lines ${at}`,
      bytes: new Uint8Array(Buffer.from(one)),
    })),
  ],
  fresh: () => ({ run }),
};
