// A whole site on real parts that faults happen to: devices, their link, the built proxy as a process, Apache
// Kafka, and those who watch. Faults act through it; whatever ends without having been told is written down.

import { createWriteStream, type WriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { KafkaConfig } from '../../proxy/config.js';
import type { Broker } from '../kafka/broker.js';
import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, type ProxyStart, startProxy } from '../site/proxy-process.js';
import { openRelay, type Relay } from '../site/relay.js';
import { until } from '../site/until.js';
import { type Device, deviceMaker } from './devices.js';
import { type Flow, watchFlow } from './flow.js';
import { harvest } from './harvest.js';
import { type Ledger, openLedger } from './ledger.js';
import { createTally, type Tally } from './tally.js';

export interface SceneOptions {
  name: string;
  /** Keeps everything of the run. */
  folder: string;
  brokers: Broker[];
  devices: number;
  everyMs: number;
  ack: 'journal' | 'kafka';
  client?: KafkaConfig['client'];
  lanes?: number;
  say(line: string): void;
}

export interface Resumed {
  fault: string;
  /** From the fault's end until an event that was sent after it was readable; null: not within the deadline. */
  resumedMs: number | null;
  /** The same for every device. */
  allMs: number | null;
}

const partitions = 4;
/** Only ends a hang. */
const flowDeadlineMs = 90_000;

export class Scene {
  readonly name: string;
  readonly folder: string;
  readonly config: string;
  readonly ack: SceneOptions['ack'];
  readonly client: KafkaConfig['client'];
  readonly lanes: number;
  readonly say: (line: string) => void;
  readonly tally: Tally;
  readonly ledger: Ledger;
  readonly devices: Device[] = [];
  /** How long flow was away, each time that it was waited for. */
  readonly resumed: Resumed[] = [];
  /** What must not have happened. */
  readonly amiss: string[] = [];
  readonly #log: WriteStream;
  brokers: Broker[];
  relay!: Relay;
  flow!: Flow;
  proxy: ProxyProcess | null = null;
  /** The journal's folder; another one after a takeover. */
  journal: string;
  /** How each proxy is started from now on. */
  start: ProxyStart = {};
  #starts = 0;

  private constructor(options: SceneOptions) {
    const { name, folder, brokers, ack, client = 'kafkajs', lanes = 1, say } = options;
    this.name = name;
    this.folder = folder;
    this.brokers = brokers;
    this.say = say;
    this.ack = ack;
    this.client = client;
    this.lanes = lanes;
    this.config = join(folder, 'site.yaml');
    this.journal = join(folder, 'journal');
    this.tally = createTally(this.prefix);
    this.ledger = openLedger(join(folder, 'sent.log'));
    this.#log = createWriteStream(join(folder, 'proxy.log'));
  }

  static async open(options: SceneOptions): Promise<Scene> {
    const scene = new Scene(options);
    await scene.#open(options);
    return scene;
  }

  get prefix(): string {
    return `${this.name}.`;
  }

  /** Those that events go to, and the one for losses. */
  get topics(): string[] {
    return ['climate', 'alarm', 'headwater.loss'].map((topic) => this.prefix + topic);
  }

  get bootstrap(): string {
    return this.brokers.map((broker) => broker.bootstrap).join(',');
  }

  /** A line in proxy.log that says what the harness did when. */
  note(text: string): void {
    this.#log.write(`${new Date().toISOString()} --- ${text}\n`);
  }

  async startProxy(flags: string[] = []): Promise<ProxyProcess> {
    const proxy = await this.startOther(this.journal, flags);
    this.proxy = proxy;
    return proxy;
  }

  /** Beside the scene's own. Must it end, its caller says so with `expectEnd`. */
  async startOther(journal: string, flags: string[] = []): Promise<ProxyProcess> {
    const number = ++this.#starts;
    const proxy = await startProxy(this.config, ['--set', `journal.folder=${journal}`, ...flags], {
      ...this.start,
      onLine: (line) => this.#log.write(`${new Date().toISOString()} ${number} ${line}\n`),
    });
    void proxy.ended.then((code) => {
      if (this.#expected.has(proxy)) return;
      const last = proxy.said().slice(-3).join(' | ');
      this.amiss.push(`proxy ${number} ended by itself, exit code ${code}: ${last}`);
      if (this.proxy === proxy) this.proxy = null;
    });
    return proxy;
  }

  #afterwards: (() => Promise<unknown>)[] = [];

  /** What a fault must have come to, looked at once flow is back. */
  afterwards(look: () => Promise<unknown>): void {
    this.#afterwards.push(look);
  }

  async look(): Promise<void> {
    const looks = this.#afterwards;
    this.#afterwards = [];
    for (const look of looks) await look();
  }

  readonly #atEnd: (() => Promise<unknown>)[] = [];

  /** What a fault leaves for the whole run is put away at its end, once no proxy runs. */
  atEnd(work: () => Promise<unknown>): void {
    this.#atEnd.push(work);
  }

  readonly #expected = new WeakSet<ProxyProcess>();

  expectEnd(proxy: ProxyProcess): void {
    this.#expected.add(proxy);
  }

  /** SIGKILL. */
  async killProxy(): Promise<void> {
    const { proxy } = this;
    if (proxy === null) return;
    this.expectEnd(proxy);
    this.proxy = null;
    await proxy.kill();
  }

  /** The proxy that must run now. */
  get running(): ProxyProcess {
    if (this.proxy === null) throw new Error('no proxy runs');
    return this.proxy;
  }

  /** device → the seq that it gives out next. */
  nextSeqs(): Map<string, number> {
    return new Map(
      this.devices.map(({ name }) => [name, this.ledger.pages.get(name)?.taken.length ?? 0]),
    );
  }

  /** An event that every device sent from now on is readable in Kafka. */
  async flows(fault: string, endMs: number): Promise<Resumed> {
    const { firstMs, allMs, silent } = await this.flow.after(this.nextSeqs(), flowDeadlineMs);
    if (silent.length > 0) {
      this.amiss.push(`no flow within ${flowDeadlineMs / 1000} s: ${silent.join(', ')}`);
    }
    const since = (ms: number | null) => (ms === null ? null : Math.round(ms - endMs));
    const resumed = { fault, resumedMs: since(firstMs), allMs: since(allMs) };
    this.resumed.push(resumed);
    return resumed;
  }

  /** Takes the link away, and waits until Kafka has all that the proxy ever received, and the proxy knows it. */
  async quiet(): Promise<void> {
    this.relay.pull();
    await until(async () => {
      const { running } = this;
      const received = await running.metric('headwater_events_received_total');
      const committed = (await running.metric('headwater_events_committed_total')) ?? 0;
      // What a flipped bit took.
      const dropped = (await running.metric('headwater_events_dropped_total')) ?? 0;
      return received === committed + dropped;
    });
  }

  /** Counts what the topics hold now. */
  harvest(topics = this.topics): Promise<void> {
    return harvest(this.bootstrap, topics, this.tally);
  }

  async createTopics(topics = this.topics): Promise<void> {
    await createTopics(this.bootstrap, topics, partitions);
  }

  async close(): Promise<void> {
    for (const device of this.devices) device.stop();
    await this.killProxy();
    for (const work of this.#atEnd) await work();
    this.flow.close();
    await this.relay.close();
    await this.ledger.close();
    await new Promise((resolve) => this.#log.end(resolve));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #open({ devices, everyMs }: SceneOptions): Promise<void> {
    await writeFile(this.config, this.#configuration());
    await this.createTopics();
    this.relay = await openRelay(() => this.proxy?.tcpPort ?? null);
    const { bootstrap, topics } = this;
    const logFile = join(this.folder, 'watch.log');
    this.flow = await watchFlow({ bootstrap, topics: topics.slice(0, 2), logFile });
    await this.startProxy();
    const make = await deviceMaker();
    for (let number = 1; number <= devices; number++) {
      const kind = number % 2 === 1 ? 'quickjs' : 'node';
      const device = await make[kind]({
        name: `${kind}-${number}`,
        connect: () => connect({ port: this.relay.port, host: '127.0.0.1', noDelay: true }),
        everyMs,
        // The last one has little room: it loses in an outage, and must report it.
        bufferBytes: number === devices ? 512 : 65_536,
        ledger: this.ledger,
        onError: (error) => this.amiss.push(`${kind}-${number}: ${error.stack}`),
      });
      this.devices.push(device);
    }
  }

  #configuration(): string {
    return stringify({
      site: this.name,
      ack: this.ack,
      listen: { tcp: { host: '127.0.0.1', port: 0, auth: 'none' } },
      http: { host: '127.0.0.1', port: 0 },
      // Small segments: rotation, checkpoints and deletion happen on the way.
      journal: { folder: this.journal, bytesMax: '64 MiB', segmentBytes: '64 KiB' },
      kafka: {
        ...{ client: this.client, brokers: this.bootstrap.split(','), lanes: this.lanes },
        topics: { prefix: this.prefix },
      },
      limits: { drainTimeoutMs: 60_000 },
    });
  }
}
