import {
  type Clock,
  ConfigError,
  complain,
  createLog,
  createOutcomes,
  type HttpServer,
  keepLines,
  type Lines,
  type Log,
  type Outcomes,
  portsOfMachine,
  startHttp,
  systemClock,
} from 'headwater/lines';
import { Bridge } from './bridge.js';
import { type GatewayConfig, readGatewayConfig } from './config.js';
import { Connection } from './connection.js';
import type { Meters } from './meters.js';
import { createMetrics } from './metrics.js';

// `headwater gateway`: from a configuration to lines that are bridged, and to a signal's end. Nothing to drain: the devices
// keep their events.

export interface GatewayOptions {
  config: string;
  /** Dotted keys that override the file. */
  flags: Record<string, string>;
  json: boolean;
}

/** Answers the exit code: 0 after a signal, 1 failed, 2 a mistake in the configuration. */
export async function runGateway(options: GatewayOptions): Promise<number> {
  try {
    const config = await readGatewayConfig(options.config, options.flags);
    const json = options.json || process.stdout.isTTY !== true;
    return await run(config, createLog(config.log.level, json));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return complain(error.message, 2);
  }
}

async function run(config: GatewayConfig, log: Log): Promise<number> {
  const signal = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => resolve(name));
  });
  const clock = systemClock();
  const outcomes = createOutcomes(clock, (kind, detail) => {
    // A frame that is dropped while the connection is lost: counted, and said with the loss.
    if (kind === 'not-connected') return;
    log.warn({ outcome: kind, ...detail }, `outcome ${kind}`);
  });
  const bridge = new Bridge({ clock, outcomes, ...config.limits });
  const { host, port } = config.proxy;
  const proxy = `${host}:${port}`;
  let isDown = false;
  const connection = new Connection({
    ...{ host, port, clock, retryBackoffMs: config.limits.retryBackoffMs },
    up() {
      isDown = false;
      log.info({ proxy }, 'connected');
      bridge.up();
    },
    data: (bytes) => bridge.fromProxy(bytes),
    ready: () => bridge.pump(),
    down(why) {
      const consequence = 'devices keep their events; tried again';
      if (!isDown) outcomes.count('connection-lost', { proxy, why: `${why}: ${consequence}` });
      isDown = true;
    },
  });
  bridge.attach(connection);
  const meters = await metersOf(config, clock, log, outcomes);
  const lines = await keepLines({
    ...{ settings: config.lines, ports: portsOfMachine(), clock, log, outcomes },
    opened: (line) => bridge.opened(line),
    bus: (_, line, bus) => meters?.opened(line, bus),
  });
  const http = await listen(config, bridge, connection, lines, meters, outcomes.counts).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  const alive = setInterval(() => {}, 60_000);
  try {
    if (http instanceof Error) {
      const where = `http: can't listen on ${config.http.host}, port ${config.http.port}`;
      return complain(`${where}: ${http.message}; set http.port`, 1);
    }
    // Behind the port, which a second gateway of this configuration would not get.
    const trouble = await meters?.start().catch((error: Error) => error);
    if (trouble instanceof Error) {
      await http.close();
      return complain(trouble.message, 1);
    }
    log.info({ proxy, lines: lines.states().size, httpPort: http.port }, 'bridging');
    log.info({}, `${await signal}: stopping`);
    await http.close();
    return 0;
  } finally {
    clearInterval(alive);
    meters?.close();
    await lines.close();
    connection.close();
  }
}

/** Null: there are none, and what only they need is not loaded. */
async function metersOf(
  { lines, store, limits, proxy }: GatewayConfig,
  clock: Clock,
  log: Log,
  outcomes: Outcomes,
): Promise<Meters | null> {
  if (store === undefined || lines.every(({ bus }) => (bus?.modbus.length ?? 0) === 0)) return null;
  const { linkTo, Meters } = await import('./meters.js');
  const { meterStoreBytes: storeBytes, retryBackoffMs } = limits;
  return new Meters({
    ...{ lines, store, storeBytes, retryBackoffMs, clock, log, outcomes },
    link: linkTo(proxy.host, proxy.port),
  });
}

function listen(
  { http, proxy }: GatewayConfig,
  bridge: Bridge,
  connection: Connection,
  lines: Lines,
  meters: Meters | null,
  counts: () => ReadonlyMap<string, number>,
): Promise<HttpServer> {
  const closedLines = () =>
    [...lines.states()].flatMap(([path, state]) =>
      state === 'open' ? [] : [`line ${path} is ${state}`],
    );
  const failedMeters = () =>
    (meters?.all ?? []).flatMap(({ hasFailed, settings }) =>
      hasFailed ? [`meter ${settings.device} is read no more: its store failed`] : [],
    );
  return startHttp({
    ...http,
    metrics: createMetrics({ bridge, connection, lines, meters, counts }),
    trouble: () => [
      ...(connection.isUp ? [] : [`not connected to ${proxy.host}:${proxy.port}`]),
      ...failedMeters(),
    ],
    remarks: closedLines,
    post: { token: http.token ?? null, act },
  });

  async function act(path: string, query: URLSearchParams) {
    const line = query.get('path') ?? '';
    const known =
      path === '/lines/pause'
        ? await lines.pause(line)
        : path === '/lines/resume'
          ? lines.resume(line)
          : null;
    if (known === null) return { status: 404, text: 'there are /lines/pause and /lines/resume' };
    if (known)
      return { status: 200, text: `${line}: ${path === '/lines/pause' ? 'paused' : 'resumed'}` };
    const paths = [...lines.states().keys()].join(', ') || 'none';
    return { status: 404, text: `${line}: no line of this gateway; it has ${paths}` };
  }
}
