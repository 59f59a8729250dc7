// `headwater proxy` as its own process, the built one: started, killed, started again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectFolder } from '../kafka/jars.js';

export interface ProxyProcess {
  readonly tcpPort: number;
  readonly httpPort: number;
  /** Every line that it logged, as JSON. */
  readonly log: Record<string, unknown>[];
  /** A counter or gauge of /metrics, summed over its labels; null where there is none. */
  metric(name: string): Promise<number | null>;
  /** SIGKILL, as a power cut would end the process. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

export async function startProxy(config: string, flags: string[] = []): Promise<ProxyProcess> {
  const command = join(projectFolder, 'dist/headwater.js');
  const child = spawn(
    process.execPath,
    [command, 'proxy', '--config', config, '--json', ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  child.once('exit', () => process.removeListener('exit', guard));
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const log: Record<string, unknown>[] = [];
  const ports = await listening(child, log).catch((error: Error) => {
    throw new Error(
      `${error.message}\n${complaint}${log.map((l) => JSON.stringify(l)).join('\n')}`,
    );
  });
  const ended = once(child, 'exit');
  return {
    ...ports,
    log,
    metric: (name) => readMetric(ports.httpPort, name),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

/** Reads the log until the line `listening`, then goes on collecting. */
function listening(
  child: ChildProcess,
  log: Record<string, unknown>[],
): Promise<{ tcpPort: number; httpPort: number }> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('no standard output');
    child.once('exit', (code) => reject(new Error(`the proxy ended with exit code ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = parse(line);
      if (log.push(entry) > 10_000) log.shift();
      if (entry.msg === 'listening') {
        resolve({ tcpPort: Number(entry.tcpPort), httpPort: Number(entry.httpPort) });
      }
    });
  });
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { text: line };
  }
}

async function readMetric(httpPort: number, name: string): Promise<number | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/metrics`);
    const lines = (await answer.text()).split('\n').filter((line) => {
      return line.startsWith(`${name} `) || line.startsWith(`${name}{`);
    });
    if (lines.length === 0) return null;
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  } catch {
    return null;
  }
}
