import {
  ConfigError,
  complain,
  createLog,
  createOutcomes,
  type HttpServer,
  keepLines,
  type Lines,
  type Log,
  portsOfMachine,
  startHttp,
  systemClock,
} from 'headwater/lines';
import { Bridge } from './bridge.js';
import { type GatewayConfig, readGatewayConfig } from './config.js';
import { Connection } from './connection.js';
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
      outcomes.count('connection-lost', { proxy, why });
      if (!isDown)
        log.warn({ proxy, why }, 'not connected: devices keep their events; tried again');
      isDown = true;
    },
  });
  bridge.attach(connection);
  const lines = await keepLines({
    ...{ settings: config.lines, ports: portsOfMachine(), clock, log, outcomes },
    opened: (line) => bridge.opened(line),
  });
  const http = await listen(config, bridge, connection, lines, outcomes.counts).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  const alive = setInterval(() => {}, 60_000);
  try {
    if (http instanceof Error) {
      const where = `http: can't listen on ${config.http.host}, port ${config.http.port}`;
      return complain(`${where}: ${http.message}; set http.port`, 1);
    }
    log.info({ proxy, lines: lines.states().size, httpPort: http.port }, 'bridging');
    log.info({}, `${await signal}: stopping`);
    await http.close();
    return 0;
  } finally {
    clearInterval(alive);
    await lines.close();
    connection.close();
  }
}

function listen(
  { http, proxy }: GatewayConfig,
  bridge: Bridge,
  connection: Connection,
  lines: Lines,
  counts: () => ReadonlyMap<string, number>,
): Promise<HttpServer> {
  const closedLines = () =>
    [...lines.states()].flatMap(([path, state]) =>
      state === 'open' ? [] : [`line ${path} is ${state}`],
    );
  return startHttp({
    ...http,
    metrics: createMetrics({ bridge, connection, lines, counts }),
    trouble: () => (connection.isUp ? [] : [`not connected to ${proxy.host}:${proxy.port}`]),
    remarks: closedLines,
    async post(path, query) {
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
    },
  });
}
