// site.yaml: the one file that configures a proxy. Checked whole before anything starts; each mistake is
// said with its line, its key, and what was expected. HEADWATER_… in the environment overrides the
// file, flags override both: HEADWATER_KAFKA_BROKERS=a:9092,b:9092 is kafka.brokers.

import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { lineSettings } from './lines/settings.js';

/** What a person has to mend: each line stands on its own. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const topicName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, 'a topic name (letters, digits, . _ -)');
const port = z.int().min(0).max(65_535);
const sizeForm = /^\d+(\.\d+)?\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?$/;
const size = z
  .union([z.int().positive(), z.string()])
  .refine(
    (value) => typeof value === 'number' || sizeForm.test(value),
    'a size: bytes, 64 MiB, 10 GB',
  )
  .transform((value) => (typeof value === 'number' ? value : bytesOf(value)));

/** Below, a journal's own records would leave no room for events. */
const mebibyte = 1024 * 1024;
const atLeast = (bytesMin: number, expected: string) =>
  size.refine((bytes) => bytes >= bytesMin, expected);

const schema = z.strictObject({
  /** Names the site: in the transactional id and the position topic. */
  site: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a name of letters, digits, . _ -'),
  listen: z
    .strictObject({
      tcp: z
        .strictObject({ host: z.string().default('0.0.0.0'), port: port.default(4510) })
        .prefault({}),
      /** Absent: no UDP. */
      udp: z
        .strictObject({
          host: z.string().default('0.0.0.0'),
          port: port.default(4510),
          idleMs: z.int().min(1_000).max(86_400_000).default(120_000),
        })
        .optional(),
      /** Serial lines; absent: none. */
      serial: z.array(lineSettings).prefault([]),
    })
    .prefault({}),
  journal: z.strictObject({
    /** Relative to site.yaml. */
    folder: z.string().min(1),
    bytesMax: atLeast(mebibyte, 'at least 1 MiB').prefault('1 GiB'),
    segmentBytes: atLeast(mebibyte / 16, 'at least 64 KiB').prefault('16 MiB'),
    /** How long what Kafka has stays here, while the cap has room, for `headwater journal resend`. */
    keepCommittedHours: z.number().min(0).max(87_600).default(0),
  }),
  ack: z.enum(['journal']).default('journal'),
  delivery: z.enum(['exactly-once']).default('exactly-once'),
  /** Absent: the proxy journals, and `headwater tail` prints the events. */
  kafka: z
    .strictObject({
      brokers: z
        .array(
          z
            .string()
            .regex(/^[^\s:]+:\d+$|^\[[0-9a-fA-F:]+\]:\d+$/, 'host:port')
            .refine(
              (text) => !(Number(text.slice(text.lastIndexOf(':') + 1)) > 65_535),
              'a port below 65536',
            ),
        )
        .min(1),
      topics: z
        .strictObject({
          /** Before a stream's name. */
          prefix: z
            .string()
            .regex(/^[A-Za-z0-9._-]{0,128}$/, 'letters, digits, . _ -')
            .optional(),
          /** stream → topic, where it is not prefix + stream. */
          routes: z.record(z.string(), topicName).prefault({}),
          /** Ranges of lost events; default prefix + "headwater.loss". */
          loss: topicName.optional(),
          /** Records that can't go where they are to go; default prefix + "headwater.dead". */
          dead: topicName.optional(),
        })
        .prefault({}),
      value: z.enum(['json', 'cbor']).default('json'),
      /** How long a missing or forbidden topic holds everything before its records become dead letters. */
      topicGraceSeconds: z.int().min(0).max(86_400).default(60),
      ssl: z.boolean().default(false),
      sasl: z
        .strictObject({
          mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
          username: z.string().min(1),
          password: z.string().min(1),
        })
        .optional(),
      recordsMax: z.int().min(1).max(10_000).default(1_000),
      lingerMs: z.int().min(0).max(60_000).default(20),
      retryBackoffMs: z.int().min(10).max(10_000).default(200),
      /** The most that goes into Kafka, and so how a backlog is drained; more than what comes in. Absent: as fast as it goes. */
      drainEventsPerSecond: z.int().min(1).max(10_000_000).optional(),
    })
    .optional(),
  http: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: port.default(4511) })
    .prefault({}),
  limits: z
    .strictObject({
      connectionsMax: z.int().min(1).max(100_000).default(10_000),
      helloTimeoutMs: z.int().min(100).max(600_000).default(10_000),
      /** Credit: events that a device may have sent and not acknowledged. */
      windowEvents: z.int().min(1).max(1_000_000).default(1_024),
      windowBytes: size.prefault('64 KiB'),
      drainTimeoutMs: z.int().min(0).max(600_000).default(10_000),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .prefault({}),
});

type Parsed = z.output<typeof schema>;
export type Config = Omit<Parsed, 'kafka'> & { kafka: KafkaConfig | null };
export type KafkaConfig = Omit<NonNullable<Parsed['kafka']>, 'topics'> & {
  topics: { prefix: string; routes: Record<string, string>; loss: string; dead: string };
};

/** Reads and checks the file. `flags`: dotted keys to text, as given on the command line. */
export async function readConfig(
  path: string,
  flags: Record<string, string> = {},
  environment: Record<string, string | undefined> = process.env,
): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new ConfigError(`${path}: ${why}; examples/site.yaml shows one`);
  });
  const config = parseConfig(text, path, { ...overrides(environment), ...flags });
  const { folder } = config.journal;
  if (!isAbsolute(folder)) config.journal.folder = join(dirname(path), folder);
  return config;
}

export function parseConfig(text: string, path: string, set: Record<string, string> = {}): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors
        .map((error) => `${path}:${lines.linePos(error.pos[0]).line}: ${firstLine(error.message)}`)
        .join('\n'),
    );
  }
  checkAliases(document, lines, path);
  const content: unknown = document.toJS() ?? {};
  const strays = Object.entries(set).filter(
    ([key, text]) => !assign(content, key.split('.'), text),
  );
  let result = schema.safeParse(content);
  if (!result.success && retype(content, result.error.issues, set)) {
    result = schema.safeParse(content);
  }
  if (!result.success || strays.length > 0) {
    const mistakes = [
      ...(result.error?.issues.flatMap((issue) => describe(issue, content)) ?? []),
      ...strays.map(([key]) => ({ keys: [key], text: noSuchKey })),
    ];
    throw new ConfigError(
      mistakes
        .map(({ keys, text: what }) => {
          const name = keys.join('.');
          const overridden = Object.keys(set).some((key) => `${name}.`.startsWith(`${key}.`));
          const origin = overridden ? `${path} (overridden)` : at(document, lines, path, keys);
          return `${origin}: ${name === '' ? what : `${name}: ${what}`}`;
        })
        .join('\n'),
    );
  }
  return settle(result.data);
}

/** The parser finds them only when it resolves them, and without their line. */
function checkAliases(document: Document, lines: LineCounter, path: string): void {
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return;
      const { line } = lines.linePos(alias.range?.[0] ?? 0);
      throw new ConfigError(
        `${path}:${line}: *${alias.source}: there is no anchor &${alias.source}`,
      );
    },
  });
}

function settle(parsed: Parsed): Config {
  const { kafka } = parsed;
  if (kafka === undefined) return { ...parsed, kafka: null };
  const prefix = kafka.topics.prefix ?? `${parsed.site}.`;
  const {
    routes,
    loss = `${prefix}headwater.loss`,
    dead = `${prefix}headwater.dead`,
  } = kafka.topics;
  return { ...parsed, kafka: { ...kafka, topics: { prefix, routes, loss, dead } } };
}

const noSuchKey = 'there is no such key (a typing error, or indented wrongly?)';

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, content: unknown): { keys: PropertyKey[]; text: string }[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      keys: [...issue.path, key],
      text: noSuchKey,
    }));
  }
  const found = lookUp(content, issue.path);
  const expected = expectation(issue);
  const shown = issue.path.at(-1) === 'password' ? 'something else' : JSON.stringify(found);
  const was = found === undefined ? 'it is missing' : `found ${shown}`;
  return [{ keys: issue.path, text: `expected ${expected}, ${was}` }];
}

const names: Record<string, string> = { object: 'a section', array: 'a list', int: 'a number' };

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return names[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `at least ${issue.minimum} of it`
        : `at least ${issue.minimum}`;
    case 'too_big':
      return `at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** The line of the key, or of the nearest one above it that is there. */
function at(document: Document, lines: LineCounter, path: string, keys: PropertyKey[]): string {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    const key = keys[depth - 1];
    const items =
      parent !== null && typeof parent === 'object' && 'items' in parent ? parent.items : [];
    for (const item of Array.isArray(items) ? items : []) {
      const name: unknown = item?.key?.value;
      if (name === key && item.key.range) return `${path}:${lines.linePos(item.key.range[0]).line}`;
    }
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return `${path}:${lines.linePos(node.range[0]).line}`;
  }
  return path;
}

function lookUp(content: unknown, keys: readonly PropertyKey[]): unknown {
  let value = content;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** Sets kafka.brokers and the like; false where a key above it holds a value of its own. */
function assign(content: unknown, keys: readonly PropertyKey[], value: unknown): boolean {
  let target = content;
  for (const name of keys.slice(0, -1)) {
    if (typeof target !== 'object' || target === null) return false;
    if ((Reflect.get(target, name) ?? null) === null) Reflect.set(target, name, {});
    target = Reflect.get(target, name);
  }
  if (typeof target !== 'object' || target === null) return false;
  return Reflect.set(target, keys.at(-1) ?? '', value);
}

/** Gives text from outside the form that its key wants, a list with commas; true where it did. */
function retype(content: unknown, issues: Issue[], set: Record<string, string>): boolean {
  let changed = false;
  for (const issue of issues) {
    const text = set[issue.path.join('.')];
    if (issue.code !== 'invalid_type' || text === undefined) continue;
    const value = formOf(text, issue.expected);
    if (value !== text) changed = assign(content, issue.path, value) || changed;
  }
  return changed;
}

function formOf(text: string, wanted: string): unknown {
  if (wanted === 'array') return text.split(',');
  if (wanted === 'boolean') return { true: true, false: false }[text] ?? text;
  const isNumber = wanted === 'number' || wanted === 'int';
  return isNumber && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

const overridable = [
  'site',
  'listen.tcp.host',
  'listen.tcp.port',
  'listen.udp.host',
  'listen.udp.port',
  'journal.folder',
  'journal.bytesMax',
  'kafka.brokers',
  'kafka.sasl.username',
  'kafka.sasl.password',
  'http.host',
  'http.port',
  'log.level',
];

/** HEADWATER_LISTEN_TCP_PORT → listen.tcp.port. */
function overrides(environment: Record<string, string | undefined>): Record<string, string> {
  const set: Record<string, string> = {};
  for (const key of overridable) {
    const snake = key.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('.', '_');
    const value = environment[`HEADWATER_${snake.toUpperCase()}`];
    if (value !== undefined) set[key] = value;
  }
  return set;
}

function bytesOf(text: string): number {
  const [, number = '0', unit = 'B'] = /^([\d.]+)\s*(\w*)$/.exec(text) ?? [];
  if (unit === '') return Math.round(Number(number));
  const base = unit.includes('i') ? 1024 : 1000;
  const power = 'BKMG'.indexOf(unit === 'B' ? 'B' : unit.charAt(0).toUpperCase());
  return Math.round(Number(number) * base ** power);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
