import type { Auth } from '../auth/auth.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { Doors } from '../doors.js';
import { Addresses } from '../limits/addresses.js';
import type { LineState } from '../lines/lines.js';
import type { Log } from '../log.js';
import type { Outcomes } from '../outcomes.js';
import { portError } from '../start-error.js';
import type { Accept, Listener } from './channel.js';

// All listeners of a proxy, as `listen` of its configuration has them: opened last, closed first.

export interface ListenersParts {
  doors: Doors;
  config: Config;
  accept: Accept;
  outcomes: Outcomes;
  clock: Clock;
  log: Log;
}

export class Listeners {
  readonly #parts: ListenersParts;
  readonly #open: Listener[] = [];
  /** Null where TCP is configured not to be. */
  tcpPort: number | null = null;
  /** Null where TLS is not configured. */
  tlsPort: number | null = null;
  /** Null where UDP is not configured. */
  udpPort: number | null = null;
  /** Serial lines by their path. */
  lines: () => ReadonlyMap<string, LineState> = () => new Map();

  constructor(parts: ListenersParts) {
    this.#parts = parts;
  }

  get channels(): number {
    return this.#open.reduce((sum, { channels }) => sum + channels, 0);
  }

  /** Rejects with a StartError where a port can't be had. */
  async open(): Promise<void> {
    const { doors, config, accept, outcomes, clock, log } = this.#parts;
    const { tcp, tls, udp, serial } = config.listen;
    const { helloTimeoutMs } = config.limits;
    const addresses = new Addresses(config.limits, clock);
    const shared = { accept, outcomes, clock, addresses };
    if (tcp !== null) {
      const byTcp = await doors
        .listenTcp({ ...tcp, ...shared })
        .catch(portError('listen.tcp', tcp));
      this.#open.push(byTcp);
      this.tcpPort = byTcp.port;
      this.#sayOpen('listen.tcp', tcp.auth, `${tcp.host}:${byTcp.port}`);
    }
    if (tls !== undefined) {
      const byTls = await doors
        .listenTls({
          ...{ ...tls, ...shared, log, handshakeTimeoutMs: helloTimeoutMs },
        })
        .catch(portError('listen.tls', tls));
      this.#open.push(byTls);
      this.tlsPort = byTls.port;
      this.#sayOpen('listen.tls', tls.auth, `${tls.host}:${byTls.port}`);
    }
    if (udp !== undefined) {
      const byUdp = await doors
        .listenUdp({ ...udp, ...shared })
        .catch(portError('listen.udp', udp));
      this.#open.push(byUdp);
      this.udpPort = byUdp.port;
      this.#sayOpen('listen.udp', udp.auth, `${udp.host}:${byUdp.port}`);
    }
    if (serial.length > 0) {
      const byLine = await doors.listenSerial({ ...shared, lines: serial, log });
      this.#open.push(byLine);
      this.lines = byLine.states;
      for (const [index, { auth, path }] of serial.entries()) {
        this.#sayOpen(`listen.serial.${index}`, auth, path ?? 'an adapter that its rule matches');
      }
    }
  }

  /** Nobody is to find out later that a door stood open: said also where the log says no more than what is amiss. */
  #sayOpen(listener: string, auth: Auth, where: string): void {
    if (auth !== 'none') return;
    const text = `${listener}: auth: none: whoever reaches ${where} writes as any device`;
    this.#parts.log.warn({ listener }, text);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.close()));
  }
}
