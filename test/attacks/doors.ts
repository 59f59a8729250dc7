// The doors of a proxy: what a configuration says of each, and how devices and attackers come through it. A line and a gateway's line have real
// pseudo-terminals, on which whoever speaks hears what the proxy says.

import { connect } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Authority, makeAuthority, writeByRename, writePair } from '../site/certificates.js';
import { startGateway } from '../site/gateway-process.js';
import type { LineScene } from '../site/line-scene.js';
import type { ProxyProcess } from '../site/proxy-process.js';
import { openPty, type Pty } from '../site/pty.js';
import { until } from '../site/until.js';
import { chunksOver, framesOver, UdpAddress } from './udp.js';

export type DoorName = 'tcp' | 'tls' | 'udp' | 'line' | 'gateway';
export type AuthName = 'keys' | 'certificate' | 'none';

export interface Door {
  readonly name: DoorName;
  /** Of the configuration. `folder`: the site's. */
  listen(folder: string): Promise<Record<string, unknown>>;
  opened(proxy: ProxyProcess, folder: string): Promise<void>;
  /** For an attacker, who speaks frames on a byte stream. `as`: of a certificate, where one is asked for. */
  attack(from: string, as?: string): Promise<Duplex>;
  /** For a device's link, anew at each opening. `from`: where it has an address. */
  device(name: string, from?: string): Promise<() => Duplex>;
}

export function doorOf(name: DoorName, auth: AuthName, scene: LineScene, lines: number): Door {
  if (name === 'tls') return new TlsDoor(auth);
  if (name === 'udp') return new UdpDoor(auth);
  if (name === 'line' || name === 'gateway') return new LineDoor(name, auth, scene, lines);
  return new TcpDoor(auth);
}

const host = '127.0.0.1';

class TcpDoor implements Door {
  readonly name = 'tcp';
  readonly #auth: AuthName;
  #port = 0;

  constructor(auth: AuthName) {
    this.#auth = auth;
  }
  async listen() {
    return { tcp: { host, port: 0, auth: this.#auth } };
  }
  async opened(proxy: ProxyProcess) {
    this.#port = proxy.tcpPort;
  }
  async attack(from: string) {
    return connect({ port: this.#port, host, localAddress: from, noDelay: true });
  }
  async device(_name: string, from = host) {
    return () => connect({ port: this.#port, host, localAddress: from, noDelay: true });
  }
}

class TlsDoor implements Door {
  readonly name = 'tls';
  readonly #auth: AuthName;
  #authority: Authority | null = null;
  #port = 0;

  constructor(auth: AuthName) {
    this.#auth = auth;
  }
  async listen(folder: string) {
    const authority = await makeAuthority();
    this.#authority = authority;
    const server = await writePair(folder, 'server', await authority.sign('proxy'));
    const clientCa = join(folder, 'ca.pem');
    await writeByRename(clientCa, authority.pem);
    const asked = this.#auth === 'certificate' ? { clientCa } : {};
    return { tls: { host, port: 0, ...server, ...asked, auth: this.#auth } };
  }
  async opened(proxy: ProxyProcess) {
    this.#port = Number(proxy.log.find(({ msg }) => msg === 'listening')?.tlsPort);
  }
  async attack(from: string, as?: string) {
    return this.#connect(await this.#pairOf(as), from);
  }
  async device(name: string, from = host) {
    const pair = await this.#pairOf(name);
    return () => this.#connect(pair, from);
  }
  async #pairOf(as: string | undefined) {
    return this.#auth === 'certificate' && as !== undefined ? this.#authority!.sign(as) : {};
  }
  #connect(pair: object, from: string) {
    const ca = this.#authority!.pem;
    const way: ConnectionOptions = { port: this.#port, host, ca, ...pair };
    return connectTls(Object.assign(way, { localAddress: from }));
  }
}

class UdpDoor implements Door {
  readonly name = 'udp';
  readonly #auth: AuthName;
  #port = 0;

  constructor(auth: AuthName) {
    this.#auth = auth;
  }
  async listen() {
    return { udp: { host, port: 0, auth: this.#auth } };
  }
  async opened(proxy: ProxyProcess) {
    this.#port = proxy.udpPort;
  }
  async attack(from: string) {
    return framesOver(new UdpAddress(this.#port, from));
  }
  async device(_name: string, from?: string) {
    return () => chunksOver(new UdpAddress(this.#port, from));
  }
}

/** Who speaks on a line hears the proxy, and not the others on it. */
export function speakOn(pty: Pty): Duplex {
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      pty.far.send(chunk);
      done();
    },
  });
  const before = pty.far.onBytes;
  pty.far.onBytes = (bytes) => {
    before(bytes);
    if (!stream.destroyed) stream.push(bytes);
  };
  return stream;
}

export class LineDoor implements Door {
  readonly name: 'line' | 'gateway';
  readonly #auth: AuthName;
  readonly #scene: LineScene;
  readonly #count: number;
  #free: Pty[] = [];

  constructor(name: 'line' | 'gateway', auth: AuthName, scene: LineScene, count: number) {
    this.name = name;
    this.#auth = auth;
    this.#scene = scene;
    this.#count = count;
  }
  async listen(): Promise<Record<string, unknown>> {
    this.#free = await Promise.all(
      Array.from({ length: this.#count }, async () =>
        this.#scene.add(await openPty(), (pty) => pty.close()),
      ),
    );
    const serial = this.#free.map(({ path }) => ({ path, auth: this.#auth }));
    return this.name === 'line' ? { serial } : {};
  }
  async opened(proxy: ProxyProcess, folder: string) {
    if (this.name === 'line') {
      await until(async () => (await proxy.metric('headwater_line_open')) === this.#count);
      return;
    }
    const lines = this.#free.map(({ path }) => ({ path }));
    const limits = { retryBackoffMs: 50 };
    const gateway = await startGateway(folder, {
      ...{ proxy: { host, port: proxy.tcpPort }, lines, limits },
    });
    this.#scene.add(gateway, (gateway) => gateway.kill());
    await until(async () => (await gateway.metric('headwater_line_open')) === this.#count);
  }
  async attack() {
    return speakOn(this.take());
  }
  async device() {
    const pty = this.take();
    return () => speakOn(pty);
  }
  /** A line on which nobody is. */
  take(): Pty {
    const pty = this.#free.shift();
    if (pty === undefined) throw new Error('the site has too few lines');
    return pty;
  }
}
