// Builds that break the promise on purpose, each in one way that a hasty change could break it, and the quickest check
// that must see it. The edits are of the built files; each text must be there exactly once.

export interface Edit {
  /** Below `dist/`. */
  file: string;
  find: string;
  replace: string;
}

export interface Mutant {
  name: string;
  broken: string;
  edits: readonly Edit[];
  check: CheckName;
}

export type CheckName = keyof typeof checks;

const uvu = (room: string, pattern: string) => ['node_modules/uvu/bin.js', room, pattern];

/** What node runs, in the folder of the build. */
export const checks = {
  conformance: uvu('dist/test/kafka-sink', 'kafkajs-sink\\.test\\.js$'),
  'journal states': uvu('dist/test/journal-states', '\\.test\\.js$'),
  seeds: ['dist/test/simulation/seeds.js', '--from', '1', '--count', '40'],
  lane: uvu('dist/test/proxy/kafka', '^lane\\.test\\.js$'),
  'chaos: fence': ['dist/test/chaos/chaos.js', '--only', 'fence', '--kills', '1', '--seed', '1'],
} satisfies Record<string, string[]>;

const sink = 'proxy/kafka/client-sink.js';
const delivery = 'proxy/kafka/delivery.js';
const lane = 'proxy/kafka/lane.js';

const namedByChance: Edit = {
  file: sink,
  find: 'transactionalId: isOnce ? transactionalIdOf(site, this.#lane) : null',
  replace:
    "transactionalId: isOnce ? transactionalIdOf(site, this.#lane) + '-' + Math.random() : null",
};

export const mutants: readonly Mutant[] = [
  {
    name: 'ack-before-fsync',
    broken: 'an event is acknowledged when it is written, before its fsync has come back',
    edits: [
      {
        file: 'proxy/journal/segment-writer.js',
        find: 'await this.#file.sync();\n        this.#voidBytes = 0;',
        replace: 'this.#file.sync().catch(() => {});\n        this.#voidBytes = 0;',
      },
    ],
    check: 'seeds',
  },
  {
    name: 'place-after-block',
    broken: 'a place is kept apart from its block, and written later: by the next checkpoint',
    edits: [
      {
        file: 'proxy/journal/replay.js',
        find: 'if (!this.#state.apply(record, lane, offset))\n            return;',
        replace:
          "if (record.kind === 'block')\n            return;\n" +
          '        if (!this.#state.apply(record, lane, offset))\n            return;',
      },
    ],
    check: 'seeds',
  },
  {
    name: 'no-fencing',
    broken:
      'a new owner of a lane does not stop the one before: each has a transactional id of its own',
    edits: [namedByChance],
    check: 'conformance',
  },
  {
    name: 'no-fencing-chaos',
    broken: 'the same, seen by the counter: the owner is stopped within a transaction and goes on',
    edits: [namedByChance],
    check: 'chaos: fence',
  },
  {
    name: 'connect-is-no-fence',
    broken: '`connect` is taken for a fence: the claim is written under another id',
    edits: [
      {
        file: sink,
        find: 'await this.#write([], claimKey(this.#lane), claim);',
        replace:
          'const apart = exactlyOnce(this.#client.producer({\n' +
          "                transactionalId: 'claims-' + Math.random(), transactionTimeoutMs: 15_000,\n" +
          '                requestTimeoutMs,\n' +
          '            }));\n' +
          '            await apart.connect();\n' +
          '            const record = { topic: this.#topic, timestampMs: Date.now(), headers: {},\n' +
          '                key: Buffer.from(claimKey(this.#lane)), value: Buffer.from(JSON.stringify(claim)) };\n' +
          '            const message = this.#client.message(record, this.#lane);\n' +
          '            await apart.write([], { topic: this.#topic, message });',
      },
    ],
    check: 'conformance',
  },
  {
    name: 'read-to-stable',
    broken:
      'the position is read to the last stable offset only, whatever an open transaction hides',
    edits: [
      {
        file: 'proxy/kafka/position-read.js',
        find: "'latest', isolation.readUncommitted",
        replace: "'latest', isolation.readCommitted",
      },
    ],
    check: 'conformance',
  },
  {
    name: 'position-apart',
    broken: 'the position is written behind its records, in a transaction of its own',
    edits: [
      {
        file: delivery,
        find: 'await sendPart(transaction, part, at);\n            await transaction.commit();',
        replace:
          '{ if (at === all.length - 1 && isOne) { await sendPart(transaction, only, at); await transaction.commit();\n' +
          '                const second = await producer.begin(); await sendPart(second, withOwn([], own), at); return second.commit(); }\n' +
          '              await sendPart(transaction, part, at); }\n' +
          '            await transaction.commit();',
      },
    ],
    check: 'conformance',
  },
  {
    name: 'overlapping-transactions',
    broken: 'the next transaction begins before the commit before was answered',
    edits: [
      {
        file: delivery,
        find: 'await transaction.commit();',
        replace: 'transaction.commit().catch(() => {});',
      },
    ],
    check: 'conformance',
  },
  {
    name: 'reused-producer',
    broken: 'after a failed send the transaction is aborted, and the producer used again',
    edits: [
      {
        file: sink,
        find: 'return new ClientSink(options, open);',
        replace:
          "const name = options.site + ' ' + options.lane;\n" +
          '    const kept = (globalThis.sinks ??= new Map());\n' +
          '    if (!kept.has(name)) kept.set(name, new ClientSink(options, open));\n' +
          '    return kept.get(name);',
      },
      { file: sink, find: 'async close() {', replace: 'async close() {\n        return;' },
      {
        file: sink,
        find: 'this.#delivery = this.#openDelivery(',
        replace: 'this.#delivery ??= this.#openDelivery(',
      },
      {
        file: 'proxy/kafka/kafkajs-producer.js',
        find: 'senderOf(transaction, options), commit };',
        replace: 'senderOf(transaction, options), commit, abort: () => transaction.abort() };',
      },
      {
        file: sink,
        find: 'this.#dead = sinkError(error, phase);\n            throw this.#dead;',
        replace: 'throw sinkError(error, phase);',
      },
      {
        file: delivery,
        find: 'await sendPart(transaction, part, at);\n',
        replace:
          'await sendPart(transaction, part, at).catch(async (error) => { await transaction.abort(); throw error; });\n',
      },
      {
        file: 'proxy/kafka/kafkajs-internals.js',
        find: 'export const sendOnce = { retries: Number.NaN };',
        replace: 'export const sendOnce = { retries: 1, initialRetryTime: 50 };',
      },
    ],
    check: 'conformance',
  },
  {
    name: 'decided-before-the-fence',
    broken: 'the position is not read again behind the fence',
    edits: [
      {
        file: lane,
        find: 'const now = await sink.read();',
        replace: 'const now = { ...before, claim: this.#claim };',
      },
    ],
    check: 'lane',
  },
  {
    name: 'failed-segment-goes-on',
    broken: 'after a failed fsync the same segment is written again',
    edits: [
      {
        file: 'proxy/journal/segment-writer.js',
        find: 'await this.#file.sync();\n        this.#voidBytes = 0;',
        replace:
          'await this.#file.sync().catch(() => this.#file.sync());\n        this.#voidBytes = 0;',
      },
    ],
    check: 'seeds',
  },
  {
    name: 'lanes-at-once',
    broken: 'another number of lanes is in force at the next start, whatever waits for Kafka',
    edits: [
      {
        file: 'proxy/journal/open.js',
        find: '(await hasWaiting(reader, end, state, laneCount)) ? laneCount : wanted',
        replace: 'wanted',
      },
    ],
    check: 'seeds',
  },
];
