// journal → lane → sink ⇒ commit: drives the table of lane-state.ts. Knows no kafkajs, no thread and
// no disk: sink, reader, clock and record maker are passed in, so that a site runs in a test.
// Guarantees: every record below the synced end reaches Kafka once and in order; what was committed
// is said once per event, also across restarts. Rules: KAFKA.md.

import { JournalError } from '../journal/error.js';
import type { Located, Position } from '../journal/record.js';
import { createDeadTopics } from './dead-topics.js';
import { type Decision, decide } from './decide.js';
import { type Batch, type BatchLimits, createFeed, type Feed } from './feed.js';
import { isEnd, type LaneInput, type LaneStateName, step } from './lane-state.js';
import type { Lane, LaneEnd, LaneOptions } from './lane-types.js';
import { createLetterLog, sha256Of, toLetter } from './letters.js';
import { Ownership } from './ownership.js';
import { createPace } from './pace.js';
import { createPoison, type Letter } from './poison.js';
import { recount } from './recount.js';
import { type Claim, type KafkaSink, type LaneState, SinkError, type SinkRecord } from './sink.js';
import { createTrouble } from './trouble.js';

export type { LaneReader } from './feed.js';
export type {
  DeadLetters,
  Lane,
  LaneEnd,
  LaneEvent,
  LaneLimits,
  LaneOptions,
} from './lane-types.js';

const bytesMaxDefault = 500_000;
/** [K-4] */
const passedBytesMost = 1 << 20;
const retryMaxMs = 1000;
const lookAgainMs = 1000;

export function createLane(options: LaneOptions): Lane {
  return new Driver(options);
}

class Driver implements Lane {
  readonly #options: LaneOptions;
  readonly #ownership: Ownership;
  readonly done: Promise<LaneEnd>;
  state: LaneStateName = 'starting';
  #sink: KafkaSink | null = null;
  #feed: Feed | null = null;
  #batch: Batch | null = null;
  #ahead: Promise<Batch | null> | null = null;
  /** Where the batch begins. */
  #from = 0;
  #end = 0;
  #confirmed: Position | null;
  #lossSaid = '';
  #failures = 0;
  #waitMs = 0;
  #stopping = false;
  #interrupt = () => {};
  readonly #poison = createPoison();
  readonly #deadTopics;
  readonly #limits: BatchLimits;
  readonly #pace;
  readonly #trouble;
  readonly #letterLog;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#confirmed = options.confirmed;
    const { bytesMax = bytesMaxDefault, lingerMs, eventsPerSecond } = options.limits;
    const { clock, dead, on } = options;
    this.#pace = createPace(clock, eventsPerSecond);
    const recordsMax = this.#pace.recordsMax(options.limits.recordsMax);
    const passedBytesMax = Math.min(
      options.limits.passedBytesMax ?? passedBytesMost,
      passedBytesMost,
    );
    const { blocksMax } = this.#poison;
    this.#limits = { recordsMax, bytesMax, lingerMs, blocksMax, passedBytesMax };
    const who = `lane ${options.lane}`;
    this.#trouble = createTrouble(who, clock, on);
    this.#letterLog = createLetterLog(who, dead.topic, clock, on);
    this.#deadTopics = createDeadTopics(clock, dead.topicGraceMs, [dead.topic]);
    this.#ownership = new Ownership(options);
    this.done = this.#run();
  }

  syncedEnd(end: number): void {
    this.#end = Math.max(this.#end, end);
    this.#feed?.syncedEnd(this.#end);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#feed?.close();
    this.#interrupt();
    // Only a transaction in flight is worth waiting for.
    if (this.state !== 'flowing') await this.#sink?.close();
    await this.done;
  }

  async #run(): Promise<LaneEnd> {
    // The caller gets its lane before the first event.
    await Promise.resolve();
    for (;;) {
      const { state } = this;
      if (isEnd(state)) {
        await this.#closeSink();
        return state;
      }
      const input = this.#stopping ? 'stop' : await this.#turn(state);
      const next = step(state, input);
      if (next !== 'flowing' && next !== 'held') await this.#closeSink();
      if (next === state) continue;
      this.state = next;
      this.#options.on({ kind: 'state', state: next });
    }
  }

  async #turn(state: Exclude<LaneStateName, LaneEnd>): Promise<LaneInput> {
    try {
      if (state === 'starting') return await this.#start();
      if (state === 'flowing') return await this.#flow();
      if (state === 'held') return await this.#hold();
      if (state === 'claims') return await this.#whoseLane();
      await this.#sleep(this.#waitMs);
      return 'retry';
    } catch (error) {
      return await this.#failed(error);
    }
  }

  async #start(): Promise<LaneInput> {
    const sink = this.#options.openSink();
    this.#sink = sink;
    const before = await sink.read();
    const ownership = this.#ownership;
    const taker = await ownership.before(before);
    // Back after a partition, and meanwhile another took over: its claim is newer than ours.
    if (taker !== null && taker !== 'not-yet') return this.#takenOver(taker);
    if (this.#refused(await this.#decide(before))) return 'refuse';
    if (taker === 'not-yet') {
      await this.#sleep(this.#jitter(this.#options.limits.retryBackoffMs));
      return 'retry';
    }
    if (this.#stopping) return 'stop';
    const { owner } = ownership.claim;
    await sink.fence(ownership.claim);
    ownership.claimed();
    const now = await sink.read();
    const later = await ownership.taker(now);
    if (later !== null) return this.#takenOver(later);
    if (now.claim?.owner !== owner) {
      throw new SinkError('epoch', 'fenced by a proxy that will be refused');
    }
    const decision = await this.#decide(now);
    if (this.#refused(decision)) return 'refuse';
    await this.#begin(decision.from, now.position, decision);
    this.#trouble.over('start');
    return 'started';
  }

  async #begin(from: number, kafka: Position | null, decision: Decision): Promise<void> {
    const { lane, on } = this.#options;
    // Said once, not at each start until the next commit.
    if (decision.kind === 'kafka-lost' && decision.message !== this.#lossSaid) {
      this.#lossSaid = decision.message;
      on({ kind: 'count', what: 'kafka-lost' });
      on({ kind: 'line', level: 'error', text: `lane ${lane}: ${decision.message}` });
    }
    if (decision.kind === 'successor' && decision.message !== this.#lossSaid) {
      this.#lossSaid = decision.message;
      on({ kind: 'line', level: 'warn', text: `lane ${lane}: ${decision.message}` });
    }
    if (decision.kind === 'restart' && kafka !== null) await this.#recount(kafka);
    // [K-5] What a lane of this number passed when there were others is behind it.
    this.#from = Math.max(from, this.#options.begin ?? 0);
    this.#readAgain();
  }

  /** The feed anew, from where the batch begins. */
  #readAgain(): void {
    const { lane, journalId, reader, clock } = this.#options;
    this.#feed?.close();
    this.#batch = null;
    this.#ahead = null;
    this.#limits.blocksMax = this.#poison.blocksMax;
    this.#feed = createFeed({
      ...{ lane, journalId, from: this.#from, reader, clock, limits: this.#limits },
      toRecords: (located) => this.#toRecords(located),
    });
    this.#feed.syncedEnd(this.#end);
    if (this.#stopping) this.#feed.close();
  }

  #toRecords(located: Located): SinkRecord[] {
    const { toRecords, dead, clock } = this.#options;
    const letters = this.#poison.letters(located);
    return toRecords(located).map((record, at) => {
      const letter = letters.get(at) ?? this.#letterFor(record.topic);
      return letter === undefined ? record : toLetter(record, letter, dead.topic, clock.nowMs());
    });
  }

  #letterFor(topic: string): Letter | undefined {
    const why = this.#deadTopics.why(topic);
    return why === undefined ? undefined : { why, isCut: false };
  }

  /** KAFKA.md [K-23] */
  async #recount(kafka: Position): Promise<void> {
    const { reader, toRecords, begin = 0 } = this.#options;
    const from = Math.max(begin, this.#confirmed?.end ?? (await reader.begin()));
    if (kafka.end <= from) return;
    const counted = await recount(reader, from, kafka, toRecords);
    this.#committed(kafka, counted, counted.records, true);
  }

  async #flow(): Promise<LaneInput> {
    for (;;) {
      const { sink, feed } = this.#open();
      this.#batch ??= await (this.#ahead ?? feed.take());
      this.#ahead = null;
      const batch = this.#batch;
      if (batch === null) return 'stop';
      if (await this.#isTopicBack(sink)) {
        this.#readAgain();
        continue;
      }
      const topics = await this.#lookAtTopics(sink, batch);
      if (topics === 'bad') return 'topics-bad';
      if (topics === 'dead') {
        this.#readAgain();
        continue;
      }
      await this.#keepPace();
      if (this.#stopping) return 'stop';
      // Reading and decoding the next one is the time in which Kafka answers.
      this.#ahead = feed.take();
      this.#ahead.catch(() => {});
      this.#pace.took(batch.records.length);
      await sink.transaction(batch.records, batch.position, this.#poison.isApart(batch));
      this.#batch = null;
      this.#from = batch.position.end;
      this.#failures = 0;
      this.#committed(batch.position, batch, batch.records.length, false);
      this.#trouble.over('commit');
      this.#letterLog(batch.records);
      this.#poison.committed(batch.position);
      this.#limits.blocksMax = this.#poison.blocksMax;
    }
  }

  /** [K-36] Before a transaction begins: none is open while the lane waits. */
  async #keepPace(): Promise<void> {
    for (let waitMs = this.#pace.waitMs(); waitMs > 0 && !this.#stopping; ) {
      await this.#sleep(waitMs);
      waitMs = this.#pace.waitMs();
    }
  }

  async #hold(): Promise<LaneInput> {
    await this.#sleep(lookAgainMs);
    const { sink } = this.#open();
    const batch = this.#batch;
    if (this.#stopping || batch === null) return 'stop';
    const topics = await this.#lookAtTopics(sink, batch);
    if (topics === 'dead') this.#readAgain();
    return topics === 'bad' ? 'topics-bad' : 'topics-good';
  }

  /** [K-32] `dead`: one of them has been bad for so long that the batch is to be made anew. */
  async #lookAtTopics(sink: KafkaSink, batch: Batch): Promise<'good' | 'bad' | 'dead'> {
    if ((await topicError(sink, batch.topics)) === null) {
      for (const topic of batch.topics) this.#deadTopics.good(topic);
      this.#trouble.over('topics');
      return 'good';
    }
    let answer: 'good' | 'bad' | 'dead' = 'good';
    for (const topic of batch.topics) {
      const error = await topicError(sink, [topic]);
      if (error === null) {
        this.#deadTopics.good(topic);
        continue;
      }
      if (answer === 'good') this.#trouble.begin('topics', topic, error.message);
      if (this.#deadTopics.bad(topic, error.message)) answer = 'dead';
      else if (answer === 'good') answer = 'bad';
    }
    if (answer === 'good') this.#trouble.over('topics');
    return answer;
  }

  /** [K-32] The batch was made while it was dead. */
  async #isTopicBack(sink: KafkaSink): Promise<boolean> {
    let isBack = false;
    for (const topic of this.#deadTopics.due()) {
      if ((await topicError(sink, [topic])) !== null) continue;
      this.#deadTopics.good(topic);
      const text = `lane ${this.#options.lane}: topic ${topic} takes records again`;
      this.#options.on({ kind: 'line', level: 'info', text });
      isBack = true;
    }
    return isBack;
  }

  /** KAFKA.md [K-31]: reads without initialising anything. */
  async #whoseLane(): Promise<LaneInput> {
    // Who fenced us needs a moment to commit its claim.
    await this.#sleep(Math.max(this.#waitMs, this.#jitter(this.#options.limits.retryBackoffMs)));
    if (this.#stopping) return 'stop';
    await this.#sink?.close();
    const sink = this.#options.openSink();
    this.#sink = sink;
    const foreign = await this.#ownership.taker(await sink.read());
    return foreign === null ? 'claim-ours' : this.#takenOver(foreign);
  }

  #takenOver(claim: Claim): LaneInput {
    const by = `${claim.host} (journal ${claim.journal})`;
    const text =
      `lane ${this.#options.lane} was taken over by ${by}: this proxy stops. ` +
      'Give one of the two another `site`, or let only one of them run';
    this.#options.on({ kind: 'line', level: 'error', text });
    return 'claim-foreign';
  }

  async #failed(error: unknown): Promise<LaneInput> {
    if (this.#stopping) return 'stop';
    if (error instanceof JournalError && (error.kind === 'damaged' || error.kind === 'gone')) {
      // [J-33] Trying again would find the same, and a commit past it would lose it unsaid.
      const text = `lane ${this.#options.lane}: ${error.message}`;
      this.#options.on({ kind: 'line', level: 'error', text });
      return 'refuse';
    }
    const { retryBackoffMs } = this.#options.limits;
    const kind = error instanceof SinkError ? error.kind : 'unreachable';
    const message = error instanceof Error ? error.message : String(error);
    this.#options.on({ kind: 'count', what: 'restarts' });
    this.#failures++;
    const growing = Math.min(retryBackoffMs * 2 ** (this.#failures - 1), retryMaxMs);
    const atOnce = this.#failures === 1 && (kind === 'unanswered' || kind === 'epoch');
    this.#waitMs = atOnce ? 0 : this.#jitter(growing);
    if (kind === 'refused')
      await this.#blame(message, error instanceof SinkError ? error.record : undefined);
    if (kind === 'misconfigured' || kind === 'topic-missing' || kind === 'topic-forbidden') {
      this.#waitMs = lookAgainMs;
      // Under the name that a look at the topics gives it: the same trouble is said once.
      const topic = error instanceof SinkError ? error.topic : undefined;
      const what = topic ?? this.#batch?.topics.join(', ') ?? '';
      if (kind === 'misconfigured') this.#trouble.begin('start', `${kind} ${what}`, message);
      else this.#trouble.begin('commit', what, message);
    } else if (kind !== 'refused' && (kind !== 'epoch' || this.#failures > 1)) {
      // The first error of epoch is most often another proxy's doing, and that is said by itself.
      this.#trouble.begin('start', 'kafka', message);
    }
    return `failed-${kind}`;
  }

  /** KAFKA.md [K-33]: half of it next time, then its records apart, in the end a letter for the one. */
  async #blame(why: string, record: number | undefined): Promise<void> {
    this.#waitMs = 0;
    const batch = this.#batch;
    if (batch === null) return;
    const blame = this.#poison.refused(batch, why, record);
    if (blame === 'cut') {
      const { value } = batch.records[record ?? 0] ?? { value: new Uint8Array() };
      await this.#options.dead.keep(sha256Of(value), value);
    }
    if (blame !== 'hold') return;
    this.#waitMs = lookAgainMs;
    const offset = batch.blocks[0]?.offset;
    const text = `Kafka refuses the record at ${offset} of the journal, and its dead letter: ${why}`;
    this.#trouble.begin('commit', `refused ${offset}`, text);
  }

  async #decide(state: LaneState): Promise<Decision> {
    const { journalId, reader } = this.#options;
    const kafka = state.position;
    const named =
      kafka !== null && kafka.journal === journalId ? await reader.at(kafka.offset) : null;
    return decide({
      journal: journalId,
      begin: await this.#beginning(),
      confirmed: this.#confirmed,
      kafka,
      named,
      isDamaged: named === null && kafka !== null && (await this.#isDamagedAt(kafka)),
      isByKafka: this.#options.isByKafka === true,
    });
  }

  /** [K-5] Of the journal, or of the lane where that is later. */
  async #beginning(): Promise<number> {
    return Math.max(await this.#options.reader.begin(), this.#options.begin ?? 0);
  }

  async #isDamagedAt(position: Position): Promise<boolean> {
    const { journalId, reader } = this.#options;
    return position.journal === journalId && ((await reader.isDamagedAt?.(position)) ?? false);
  }

  #refused(decision: Decision): decision is Decision & { kind: 'refuse' } {
    if (decision.kind !== 'refuse') return false;
    this.#options.on({ kind: 'line', level: 'error', text: decision.message });
    return true;
  }

  #committed(
    position: Position,
    { committed, dropped }: Pick<Batch, 'committed' | 'dropped'>,
    records: number,
    recovered: boolean,
  ): void {
    this.#confirmed = position;
    this.#options.on({ kind: 'committed', position, committed, dropped, records, recovered });
  }

  #open(): { sink: KafkaSink; feed: Feed } {
    if (this.#sink === null || this.#feed === null) throw new Error('the lane did not start');
    return { sink: this.#sink, feed: this.#feed };
  }

  async #closeSink(): Promise<void> {
    this.#feed?.close();
    this.#feed = null;
    const sink = this.#sink;
    this.#sink = null;
    await sink?.close();
  }

  #jitter(delayMs: number): number {
    const dice = this.#options.clock.random(1)[0] ?? 0;
    return delayMs * (0.5 + dice / 512);
  }

  #sleep(delayMs: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#interrupt = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Why one of the topics can't be written; null: all can. */
async function topicError(sink: KafkaSink, topics: readonly string[]): Promise<SinkError | null> {
  try {
    await sink.checkTopics(topics);
    return null;
  } catch (error) {
    if (error instanceof SinkError && error.kind.startsWith('topic-')) return error;
    throw error;
  }
}
