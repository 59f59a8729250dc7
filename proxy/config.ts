// site.yaml: the one file that configures a proxy. Checked whole before anything starts; each mistake is
// said with its line, its key, and what was expected. HEADWATER_… in the environment overrides the
// file, flags override both: HEADWATER_KAFKA_BROKERS=a:9092,b:9092 is kafka.brokers.

import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { Auth } from './auth/auth.js';
import { parseChecked, readText } from './config-file.js';
import { loginFiles, saslSettings, sslSettings } from './kafka/login-settings.js';
import { lanesMax, positionTopicOf } from './kafka/position-name.js';
import { lineSettings, noPathTwice } from './lines/settings.js';

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

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

/** What a device has to show: `proxy/auth/auth.ts`. */
const auth = z.enum(['keys', 'none'] satisfies Auth[]).default('keys');

/** Below, a journal's own records would leave no room for events. */
const mebibyte = 1024 * 1024;
const atLeast = (bytesMin: number, expected: string) =>
  size.refine((bytes) => bytes >= bytesMin, expected);

const schema = z.strictObject({
  /** Names the site: in the transactional id and the position topic. */
  site: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a name of letters, digits, . _ -'),
  listen: z
    .strictObject({
      /** `false`: none, where TLS is to be the only way. */
      tcp: z
        .preprocess(
          (given) => (given === false || given === 'false' ? null : given),
          z
            .strictObject({ host: z.string().default('0.0.0.0'), port: port.default(4510), auth })
            .nullable(),
        )
        .prefault({}),
      /** TCP behind TLS; absent: none. */
      tls: z
        .strictObject({
          host: z.string().default('0.0.0.0'),
          port: port.default(4513),
          /** PEM, relative to site.yaml; read again when they change. */
          certificate: z.string().min(1),
          key: z.string().min(1),
          /** Who connects shows a certificate that this authority signed. */
          clientCa: z.string().min(1).optional(),
          auth: z.enum(['keys', 'certificate', 'none'] satisfies Auth[]).default('keys'),
        })
        .refine(({ auth, clientCa }) => auth !== 'certificate' || clientCa !== undefined, {
          path: ['clientCa'],
          error: "a file, as auth is certificate: the authority that signs devices' certificates",
        })
        .optional(),
      /** Absent: no UDP. */
      udp: z
        .strictObject({
          host: z.string().default('0.0.0.0'),
          port: port.default(4510),
          idleMs: z.int().min(1_000).max(86_400_000).default(120_000),
          auth,
        })
        .optional(),
      /** Serial lines; absent: none. */
      serial: z
        .array(
          lineSettings.safeExtend({ auth }).refine(({ bus }) => (bus?.modbus.length ?? 0) === 0, {
            path: ['bus', 'modbus'],
            message:
              'none: `headwater gateway` reads meters, on this machine too; put the line in its gateway.yaml',
          }),
        )
        .superRefine(noPathTwice)
        .prefault([]),
    })
    .prefault({}),
  /** Where devices' keys are: `headwater device`; relative to site.yaml. Absent: no listener may ask for them. */
  keys: z.string().min(1).optional(),
  journal: z.strictObject({
    /** Relative to site.yaml. */
    folder: z.string().min(1),
    bytesMax: atLeast(mebibyte, 'at least 1 MiB').prefault('1 GiB'),
    segmentBytes: atLeast(mebibyte / 16, 'at least 64 KiB').prefault('16 MiB'),
    /** How long what Kafka has stays here, while the cap has room, for `headwater journal resend`. */
    keepCommittedHours: z.number().min(0).max(87_600).default(0),
  }),
  /** What an ACK to a device waits for. */
  ack: z.enum(['journal', 'kafka']).default('journal'),
  delivery: z.enum(['exactly-once', 'at-least-once']).default('exactly-once'),
  /** Absent: the proxy journals, and `headwater tail` prints the events. */
  kafka: z
    .strictObject({
      /** The library that speaks with Kafka; platformatic is an optional package: KAFKA.md. */
      client: z.enum(['kafkajs', 'platformatic']).default('kafkajs'),
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
          /** topic → how its batches are compressed, where it is not as `compression` says. */
          compression: z.record(topicName, z.enum(codecs)).prefault({}),
          /** Ranges of lost events; default prefix + "headwater.loss". */
          loss: topicName.optional(),
          /** Records that can't go where they are to go; default prefix + "headwater.dead". */
          dead: topicName.optional(),
        })
        .prefault({}),
      value: z.enum(['json', 'cbor']).default('json'),
      /** Shares of the devices, each with a thread and transactions of its own. Another number takes effect at a start where nothing waits. */
      lanes: z.int().min(1).max(lanesMax).default(1),
      /** What makes batches smaller on the way and on Kafka's disk (docs/PERFORMANCE.md); lz4 and snappy are optional packages. */
      compression: z.enum(codecs).default('gzip'),
      /** How long a missing or forbidden topic holds everything before its records become dead letters. */
      topicGraceSeconds: z.int().min(0).max(86_400).default(60),
      ssl: sslSettings,
      sasl: saslSettings,
      /** Kafka records in a transaction. Each takes three answers of Kafka in turn, however many it holds. */
      recordsMax: z.int().min(1).max(10_000).default(2_000),
      lingerMs: z.int().min(0).max(60_000).default(10),
      retryBackoffMs: z.int().min(10).max(10_000).default(200),
      /** The most that goes into Kafka, and so how a backlog is drained; more than what comes in. Absent: as fast as it goes. */
      drainEventsPerSecond: z.int().min(1).max(10_000_000).optional(),
    })
    .optional(),
  /** Which streams devices may write. Absent: any device any stream. */
  allow: z
    .array(
      z.strictObject({
        devices: z.array(z.string().min(1)).min(1),
        streams: z
          .array(
            z
              .string()
              .regex(
                /^[A-Za-z0-9._*-]{1,64}$/,
                'a name of letters, digits, . _ - or a pattern with *',
              ),
          )
          .min(1),
      }),
    )
    .min(1)
    .optional(),
  http: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: port.default(4511) })
    .prefault({}),
  limits: z
    .strictObject({
      /** Of each listener; a UDP address is one. */
      connectionsMax: z.int().min(1).max(100_000).default(10_000),
      /** Connections, and gateways' lines that speak, whose device is not known yet, of all listeners together. */
      unprovenMax: z.int().min(1).max(100_000).default(2_000),
      /** Of the two above, what one address may have; 1 where all devices come through one. */
      addressShare: z.number().gt(0).max(1).default(0.5),
      /** What is read from one address, with a burst. Absent: as much as comes. */
      addressBytesPerSecond: size.optional(),
      /** Of a device, as credit, with a burst. Absent: as many as come. */
      eventsPerSecond: z.number().gt(0).max(1_000_000).optional(),
      bytesPerSecond: size.optional(),
      burstSeconds: z.number().min(1).max(3_600).default(10),
      /** Of a device: tables of its firmwares, boots of which something is remembered; boots of all devices. */
      tablesPerDeviceMax: z.int().min(1).max(10_000).default(256),
      bootsPerDeviceMax: z.int().min(17).max(100_000).default(256),
      bootsMax: z.int().min(17).max(10_000_000).default(200_000),
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

const whole = schema
  .refine(({ ack, kafka }) => ack === 'journal' || kafka !== undefined, {
    path: ['ack'],
    error: 'journal, or a section `kafka:` whose commits it can wait for',
  })
  .refine(
    ({ listen: { tcp, tls, udp, serial } }) =>
      tcp !== null || tls !== undefined || udp !== undefined || serial.length > 0,
    { path: ['listen', 'tcp'], error: 'a section, or another listener: no device could reach it' },
  )
  .superRefine((parsed, { addIssue }) => {
    for (const path of parsed.keys === undefined ? keyed(parsed) : []) {
      addIssue({ code: 'custom', path: [...path, 'auth'], message: keysOrNone });
    }
    for (const { path, message } of sharedTopics(parsed)) {
      addIssue({ code: 'custom', path: ['kafka', 'topics', ...path], message });
    }
  });

type Parsed = z.output<typeof schema>;
export type Config = Omit<Parsed, 'kafka'> & { kafka: KafkaConfig | null };
export type KafkaConfig = Omit<NonNullable<Parsed['kafka']>, 'topics'> & {
  topics: {
    prefix: string;
    routes: Record<string, string>;
    compression: Record<string, Codec>;
    loss: string;
    dead: string;
  };
};

/** Reads and checks the file. `flags`: dotted keys to text, as given on the command line. */
export async function readConfig(
  path: string,
  flags: Record<string, string> = {},
  environment: Record<string, string | undefined> = process.env,
): Promise<Config> {
  const text = await readText(path, 'examples/site.yaml');
  const config = parseConfig(text, path, { ...overrides(environment), ...flags });
  for (const key of files) resolveFile(config, key.split('.'), dirname(path));
  return config;
}

export function parseConfig(text: string, path: string, set: Record<string, string> = {}): Config {
  return settle(parseChecked(whole, text, path, set));
}

function settle(parsed: Parsed): Config {
  const { kafka } = parsed;
  if (kafka === undefined) return { ...parsed, kafka: null };
  const prefix = kafka.topics.prefix ?? `${parsed.site}.`;
  const {
    routes,
    compression,
    loss = `${prefix}headwater.loss`,
    dead = `${prefix}headwater.dead`,
  } = kafka.topics;
  return { ...parsed, kafka: { ...kafka, topics: { prefix, routes, compression, loss, dead } } };
}

const keysOrNone =
  "none (whoever reaches it writes as any device), or a file of devices' keys: `keys: ./devices.keys` at the top";

/** The listeners that ask devices for a key. */
function keyed({ listen }: Parsed): (string | number)[][] {
  const { tcp, tls, udp, serial } = listen;
  const all = [
    ...(tcp === null ? [] : [{ path: ['listen', 'tcp'], auth: tcp.auth }]),
    ...(tls === undefined ? [] : [{ path: ['listen', 'tls'], auth: tls.auth }]),
    ...(udp === undefined ? [] : [{ path: ['listen', 'udp'], auth: udp.auth }]),
    ...serial.map((line, index) => ({ path: ['listen', 'serial', index], auth: line.auth })),
  ];
  return all.filter(({ auth }) => auth === 'keys').map(({ path }) => path);
}

/** Who reads one of the site's own topics takes everything in it for what it is there for. */
function sharedTopics(parsed: Parsed): { path: string[]; message: string }[] {
  const { kafka } = settle(parsed);
  if (kafka === null) return [];
  const { dead, loss, routes, compression } = kafka.topics;
  const given = parsed.kafka?.topics ?? {};
  const positions = "the proxy's position";
  const owners = new Map([[positionTopicOf(parsed.site), positions]]);
  const found: { path: string[]; message: string }[] = [];
  const claim = (path: string[], topic: string, holds: string | null) => {
    const owner = owners.get(topic);
    if (owner !== undefined) {
      const message = `another topic than the one of ${owner}; give it one of its own`;
      found.push({ path, message });
    } else if (holds !== null) owners.set(topic, holds);
  };
  // Named by a person before left to its default: what is complained of is in the file.
  const own = [
    {
      key: 'loss',
      topic: loss,
      holds: 'lost events (kafka.topics.loss)',
      isGiven: 'loss' in given,
    },
    {
      key: 'dead',
      topic: dead,
      holds: 'dead letters (kafka.topics.dead)',
      isGiven: 'dead' in given,
    },
  ].sort((one, other) => Number(one.isGiven) - Number(other.isGiven));
  for (const { key, topic, holds } of own) claim([key], topic, holds);
  for (const [stream, topic] of Object.entries(routes)) claim(['routes', stream], topic, null);
  if ((compression[dead] ?? 'none') !== 'none') {
    const message = 'none: dead letters are read back, and never compressed';
    found.push({ path: ['compression', dead], message });
  }
  return found;
}

/** Relative to site.yaml. */
const files = [
  'journal.folder',
  'keys',
  'listen.tls.certificate',
  'listen.tls.key',
  'listen.tls.clientCa',
  ...loginFiles.map((key) => `kafka.${key}`),
];

function resolveFile(config: Config, keys: string[], folder: string): void {
  const last = keys.pop() ?? '';
  let section: unknown = config;
  for (const key of keys) section = (section as Record<string, unknown> | null | undefined)?.[key];
  const named = section as Record<string, unknown> | null | undefined;
  const file = named?.[last];
  if (named && typeof file === 'string' && !isAbsolute(file)) named[last] = join(folder, file);
}

const overridable = [
  'site',
  'listen.tcp.host',
  'listen.tcp.port',
  'listen.tls.host',
  'listen.tls.port',
  'listen.udp.host',
  'listen.udp.port',
  'journal.folder',
  'journal.bytesMax',
  'ack',
  'delivery',
  'kafka.client',
  'kafka.brokers',
  'kafka.ssl',
  'kafka.ssl.serverName',
  'kafka.sasl.mechanism',
  'kafka.sasl.username',
  'kafka.sasl.password',
  'kafka.sasl.tokenEndpoint',
  'kafka.sasl.clientId',
  'kafka.sasl.clientSecret',
  'kafka.sasl.scope',
  ...loginFiles.map((key) => `kafka.${key}`),
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
