// The connections of one sink to its brokers, each made once and ended at once. None is made again by itself: whoever waited for an answer
// hears of its loss at once, and the next call connects anew.

import { isIP } from 'node:net';
import type { Connection, SASLOptions } from '@platformatic/kafka';
import { bearerRefusal } from './bearer.js';
import type { SinkOptions } from './client-sink.js';
import type { Login } from './login.js';
import { type BrokerConnection, brokerConnection, spoken } from './platformatic-connection.js';
import { connectError } from './platformatic-errors.js';
import type { Library } from './platformatic-library.js';
import { versionTrouble } from './protocol-versions.js';
import { SinkError } from './sink.js';

export interface Address {
  host: string;
  port: number;
}

export interface ConnectionsOptions {
  library: Library;
  sink: SinkOptions;
  requestTimeoutMs: number;
}

interface Opened {
  connection: Connection;
  ready: Promise<BrokerConnection>;
}

const tcpTimeoutMs = 1000;
/** With the login. */
const connectTimeoutMs = 5000;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<string, Opened>();
  readonly #sockets = new Set<Connection>();
  #isEnded = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The one that is there, or a new one. */
  async to(address: Address): Promise<BrokerConnection> {
    const name = `${address.host}:${address.port}`;
    const open = this.#open.get(name);
    // What is said between the halves of a login ends the connection.
    if (open !== undefined && open.connection.status !== 'reauthenticating') return open.ready;
    if (this.#isEnded) throw new Error('ended');
    open?.connection.socket.destroy(new Error('ended'));
    const connection = this.#make(address);
    const opened: Opened = { connection, ready: this.#ready(connection, address) };
    this.#open.set(name, opened);
    const over = () => {
      this.#sockets.delete(connection);
      if (this.#open.get(name) === opened) this.#open.delete(name);
    };
    connection.on('error', over);
    connection.on('close', over);
    opened.ready.catch(() => {
      connection.socket?.destroy();
      over();
    });
    return opened.ready;
  }

  /** The first that can be had; throws why the last one could not. */
  async toAny(addresses: readonly Address[]): Promise<BrokerConnection> {
    let why: unknown = new Error('there is no broker to ask');
    for (const address of addresses) {
      try {
        return await this.to(address);
      } catch (error) {
        if (error instanceof SinkError) throw error;
        why = error;
      }
    }
    throw why;
  }

  end(): void {
    this.#isEnded = true;
    // With an error: without one the library would hear of the end only after its own time-out.
    for (const { socket } of this.#sockets) socket.destroy(new Error('ended'));
  }

  #make({ host }: Address): Connection {
    const { library, sink, requestTimeoutMs } = this.#options;
    const { ssl, sasl } = sink;
    const connection = new library.Connection(`headwater-lane-${sink.lane}`, {
      ...{ connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs },
      ...(ssl ? { tls: ssl === true ? {} : ssl, ...named(host, ssl) } : {}),
      ...(sasl === undefined ? {} : { sasl: loginOf(sasl) }),
    });
    this.#sockets.add(connection);
    return connection;
  }

  async #ready(connection: Connection, { host, port }: Address): Promise<BrokerConnection> {
    const { library, sink } = this.#options;
    // Why a broker closes it may come behind the handshake: as of a certificate that it does not take.
    let said: Error | null = null;
    connection.on('error', (error) => {
      said ??= error;
    });
    try {
      await connected(connection, { host, port });
      const { apiKeys } = await library.apiVersionsV1.api.async(connection, '', '');
      const versions = new Map(apiKeys.map((range) => [range.name as string, range]));
      const hasTransactions = sink.delivery !== 'at-least-once';
      const trouble = versionTrouble(
        (name) => versions.get(name),
        (name) => spoken[name],
        hasTransactions,
      );
      if (trouble !== null) {
        throw new SinkError('misconfigured', `Kafka at ${host}:${port} ${trouble}`);
      }
      return brokerConnection(library, connection, versions);
    } catch (error) {
      throw error instanceof SinkError ? error : connectError(said ?? error);
    }
  }
}

/** The library's own time for it has the login in it, and a host that swallows all is to be given up sooner. */
async function connected(connection: Connection, { host, port }: Address): Promise<void> {
  const connecting = connection.connect(host, port);
  const late = new Error(`no connection to ${host}:${port} within ${tcpTimeoutMs / 1000} s`);
  const timer = setTimeout(() => connection.socket.destroy(late), tcpTimeoutMs);
  connection.socket.once('connect', () => clearTimeout(timer));
  try {
    await connecting;
    connection.socket.setKeepAlive(true, 60_000);
  } finally {
    clearTimeout(timer);
  }
}

/** A certificate is for a name; an address is no name. */
function named(host: string, ssl: NonNullable<SinkOptions['ssl']>): { tlsServerName?: true } {
  const isGiven = typeof ssl === 'object' && ssl.servername !== undefined;
  return isIP(host) === 0 && !isGiven ? { tlsServerName: true } : {};
}

function loginOf(login: Login): SASLOptions {
  if (login.mechanism === 'oauthbearer') {
    return {
      mechanism: 'OAUTHBEARER',
      token: login.token,
      // The library's own would tell of a refusal, and then of the login.
      authBytesValidator(answer, tell) {
        const refusal = bearerRefusal(answer);
        if (refusal === null) tell(null, answer);
        else tell(new Error(`OAUTHBEARER: ${refusal}`));
      },
    };
  }
  const { mechanism, username, password } = login;
  const name = mechanism.toUpperCase() as 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  return { mechanism: name, username, password };
}
