// A site that is attacked: a built proxy with a journal and no Kafka, an honest device beside the attacker, and what the journal holds at the end.

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { addKeys } from '../site/device-keys.js';
import { assertEach, LineScene, passes } from '../site/line-scene.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, type SensorOptions, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { Attacker } from './attacker.js';
import { type AuthName, type Door, type DoorName, doorOf } from './doors.js';

export interface Taken {
  device: string;
  id: string;
  stream: string;
  value: unknown;
}

/** The default configuration, and what differs in how frames come and in when they are acknowledged. */
export const gates: [name: string, gate: { door: DoorName; ack?: 'kafka' }][] = [
  ['by TCP', { door: 'tcp' }],
  ['by TLS', { door: 'tls' }],
  ['ack: kafka', { door: 'tcp', ack: 'kafka' }],
];

export class Attacked {
  readonly scene: LineScene;
  readonly site: Site;
  readonly proxy: ProxyProcess;
  readonly door: Door;
  /** Of Kafka; null: none. */
  readonly bootstrap: string | null;
  readonly #keys: ReadonlyMap<string, string>;

  private constructor(
    scene: LineScene,
    site: Site,
    proxy: ProxyProcess,
    keys: ReadonlyMap<string, string>,
    door: Door,
    bootstrap: string | null,
  ) {
    this.bootstrap = bootstrap;
    this.scene = scene;
    this.site = site;
    this.proxy = proxy;
    this.#keys = keys;
    this.door = door;
  }

  static async start(
    label: string,
    {
      auth = 'keys' as AuthName,
      door: doorName = 'tcp' as DoorName,
      ack = 'journal' as 'journal' | 'kafka',
      lines = 4,
      devices = [] as string[],
      limits = {},
      more = {},
      bootstrap: given = null as string | null,
      topics = ['climate', 'forged'],
    }: {
      auth?: AuthName;
      /** Through which attackers and devices come; TCP is open beside it. */
      door?: DoorName;
      /** By Kafka: a broker of this run, where none is given. */
      ack?: 'journal' | 'kafka';
      /** Of a door of lines. */
      lines?: number;
      /** That have a key. */
      devices?: string[];
      limits?: Record<string, unknown>;
      more?: Record<string, unknown>;
      /** Of Kafka; null: none. */
      bootstrap?: string | null;
      /** Streams that have one there. */
      topics?: string[];
    } = {},
  ): Promise<Attacked> {
    const scene = new LineScene();
    const hasKeys = auth === 'keys';
    const bootstrap = given ?? (ack === 'kafka' ? await sharedBroker() : null);
    const site = await makeSite({ bootstrap, label });
    scene.add(site, (site) => site.remove());
    try {
      const door = doorOf(doorName, auth, scene, lines);
      const tcp = { host: '127.0.0.1', port: 0, auth: hasKeys ? 'keys' : 'none' };
      const listen = { tcp, ...(await door.listen(site.folder)) };
      const written = parse(await readFile(site.config, 'utf8')) as object;
      const keysAt = hasKeys && { keys: './devices.keys' };
      const content = { ...written, listen, ack, limits, ...keysAt };
      await writeFile(site.config, stringify({ ...content, ...more }));
      const names = ['honest', ...devices];
      const keys = hasKeys ? await addKeys(site.config, names) : new Map<string, string>();
      if (bootstrap !== null) {
        const names = ['headwater.loss', ...topics].map((topic) => `${site.prefix}${topic}`);
        await createTopics(bootstrap, names, 1);
      }
      const proxy = await startProxy(site.config);
      scene.add(proxy, (proxy) => proxy.kill());
      await door.opened(proxy, site.folder);
      return new Attacked(scene, site, proxy, keys, door, bootstrap);
    } catch (error) {
      await scene.end();
      throw error;
    }
  }

  get port(): number {
    return this.proxy.tcpPort;
  }

  key(device: string): string {
    return this.#keys.get(device) ?? '';
  }

  device(...words: string[]) {
    return runHeadwater(['device', ...words, '-c', this.site.config]);
  }

  /** A connection by the site's door. `as`: of a certificate, where one is asked for. */
  async connect(from = '127.0.0.1', as?: string): Promise<Duplex> {
    const stream = await this.door.attack(from, as);
    stream.on('error', () => {});
    this.scene.add(stream, (stream) => void stream.destroy());
    if (stream instanceof Socket && stream.connecting) {
      await Promise.race([once(stream, 'connect'), once(stream, 'close')]);
    }
    return stream;
  }

  async dial(from?: string, as?: string): Promise<Attacker> {
    return new Attacker(await this.connect(from, as));
  }

  /** A real device. `port`: of what it takes for the proxy; else it comes by the site's door, `from` an address of its own. */
  async sense(
    device: string,
    { port, from, everyMs = 10, ...more }: Partial<SensorOptions> & { from?: string } = {},
  ): Promise<Sensor> {
    const key = this.key(device);
    const sensor = await startSensor({
      ...{ device, everyMs, port: port ?? (await this.door.device(device)) },
      ...(this.door.name === 'udp' && { datagrams: true }),
      ...(key !== '' && { key }),
      ...more,
    });
    return this.scene.add(sensor, (sensor) => sensor.stop());
  }

  /** The device beside, at work. */
  async honest(): Promise<Sensor> {
    const sensor = await this.sense('honest');
    await passes(sensor, 10);
    return sensor;
  }

  /** What the site keeps of devices, once it has all: in Kafka, where it has one. */
  async taken(): Promise<Taken[]> {
    return this.bootstrap === null ? this.journal() : this.inKafka();
  }

  async counted(kind: string): Promise<number> {
    return (await this.proxy.metric('headwater_outcomes_total', `kind="${kind}"`)) ?? 0;
  }

  async residentMb(): Promise<number> {
    const status = await readFile(`/proc/${this.proxy.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  async journal(): Promise<Taken[]> {
    const { output } = await runHeadwater([
      ...['tail', '-c', this.site.config, '--no-follow', '--json'],
    ]);
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Taken);
  }

  /** What Kafka has, once it has all. Of a partition in its order, as a device's are. */
  async inKafka(): Promise<Taken[]> {
    const { bootstrap } = this;
    if (bootstrap === null) throw new Error('this site has no Kafka');
    const metric = (name: string) => this.proxy.metric(`headwater_events_${name}_total`);
    await until(async () => (await metric('received')) === (await metric('committed')));
    const { prefix } = this.site;
    const records = await consume({ bootstrap, topics: [`${prefix}*`] });
    return records
      .filter(({ topic }) => !topic.includes('headwater.positions'))
      .map(({ topic, key, value, headers }) => ({
        device: String(key),
        id: headers['hw-id'] ?? '',
        stream: topic.slice(prefix.length),
        value: JSON.parse(String(value)) as unknown,
      }));
  }

  async nothingForged(): Promise<void> {
    const forged = (await this.taken()).filter(({ stream }) => stream !== 'climate');
    assert.equal(forged, []);
  }

  /** What the honest devices sent is there once, in order, and nothing else is. */
  async onlyHonest(...sensors: Sensor[]): Promise<void> {
    for (const sensor of sensors)
      assert.ok(await sensor.finish(), `${sensor.device} is not through`);
    const taken = await this.taken();
    assertEach(
      taken.map(({ device, id }) => [device, id]),
      sensors,
    );
    await this.nothingForged();
    const names = new Set(taken.map(({ device }) => device));
    assert.equal([...names].sort(), sensors.map(({ device }) => device).sort());
  }

  end(): Promise<void> {
    return this.scene.end();
  }
}
