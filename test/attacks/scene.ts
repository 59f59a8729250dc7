// A site that is attacked: a built proxy with a journal and no Kafka, an honest device beside the attacker, and what the journal holds at the end.

import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { addKeys } from '../site/device-keys.js';
import { countInJournal, LineScene, passes } from '../site/line-scene.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, type SensorOptions, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { Attacker } from './attacker.js';

export interface Taken {
  device: string;
  id: string;
  stream: string;
  value: unknown;
}

export class Attacked {
  readonly scene: LineScene;
  readonly site: Site;
  readonly proxy: ProxyProcess;
  readonly #keys: ReadonlyMap<string, string>;

  private constructor(
    scene: LineScene,
    site: Site,
    proxy: ProxyProcess,
    keys: ReadonlyMap<string, string>,
  ) {
    this.scene = scene;
    this.site = site;
    this.proxy = proxy;
    this.#keys = keys;
  }

  static async start(
    label: string,
    {
      auth = 'keys' as 'keys' | 'none',
      devices = [] as string[],
      limits = {},
      more = {},
    }: {
      auth?: 'keys' | 'none';
      /** That have a key. */
      devices?: string[];
      limits?: Record<string, unknown>;
      more?: Record<string, unknown>;
    } = {},
  ): Promise<Attacked> {
    const scene = new LineScene();
    const listen = { tcp: { host: '127.0.0.1', port: 0, auth } };
    const keys = auth === 'keys' ? { keys: './devices.keys' } : {};
    const overrides = { listen, ...keys, limits, ...more };
    const site = await makeSite({ bootstrap: null, label, overrides });
    scene.add(site, (site) => site.remove());
    try {
      const names = ['honest', ...devices];
      const keys = auth === 'keys' ? await addKeys(site.config, names) : new Map<string, string>();
      const proxy = await startProxy(site.config);
      scene.add(proxy, (proxy) => proxy.kill());
      return new Attacked(scene, site, proxy, keys);
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

  async dial(from?: string): Promise<Attacker> {
    return this.scene.add(await Attacker.dial(this.port, from), (attacker) => attacker.end());
  }

  /** A real device. `port`: of what it takes for the proxy. */
  async sense(
    device: string,
    { port = this.port, everyMs = 10 }: { port?: SensorOptions['port']; everyMs?: number } = {},
  ): Promise<Sensor> {
    const key = this.key(device);
    const sensor = await startSensor({ port, device, everyMs, ...(key !== '' && { key }) });
    return this.scene.add(sensor, (sensor) => sensor.stop());
  }

  /** The device beside, at work. */
  async honest(): Promise<Sensor> {
    const sensor = await this.sense('honest');
    await passes(sensor, 10);
    return sensor;
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

  async nothingForged(): Promise<void> {
    const forged = (await this.journal()).filter(({ stream }) => stream !== 'climate');
    assert.equal(forged, []);
  }

  /** What the honest devices sent is in the journal once, in order, and nothing else is. */
  async onlyHonest(...sensors: Sensor[]): Promise<void> {
    await countInJournal(this.site.config, ...sensors);
    await this.nothingForged();
    const names = new Set((await this.journal()).map(({ device }) => device));
    assert.equal([...names].sort(), sensors.map(({ device }) => device).sort());
  }

  end(): Promise<void> {
    return this.scene.end();
  }
}
