// `headwater proxy` as its own process, the built one: started, killed, started again; or run to an
// end that is expected of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectFolder } from '../kafka/jars.js';
import { until } from './until.js';

export interface ProxyProcess {
  readonly pid: number;
  readonly tcpPort: number;
  /** 0 where UDP is not configured. */
  readonly udpPort: number;
  readonly httpPort: number;
  /** Every line that it logged, as JSON. */
  readonly log: Record<string, unknown>[];
  /** What it said to a person so far: its warnings and errors, and standard error. */
  said(): string[];
  /** A counter or gauge of /metrics, summed over its labels; null where there is none. */
  metric(name: string, label?: string): Promise<number | null>;
  /** SIGKILL, as a power cut would end the process. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code, null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Once it has ended: the exit code, null where a signal ended it. The deadline only ends a hang. */
  end(): Promise<number | null>;
}

export interface Ended {
  code: number | null;
  output: string;
  complaint: string;
}

const endTimeoutMs = 60_000;
const command = join(projectFolder, 'dist/headwater.js');

export interface ProxyStart {
  /** Another Node than this. */
  program?: string;
  /** Before the program: `--import` of a layer. */
  nodeFlags?: string[];
  environment?: Record<string, string>;
  /** Each line that it prints, on either output, as it comes. */
  onLine?(line: string): void;
  /** It runs; it need not listen yet. */
  onSpawn?(pid: number): void;
}

export async function startProxy(
  config: string,
  flags: string[] = [],
  start: ProxyStart = {},
): Promise<ProxyProcess> {
  const words = ['proxy', '--config', config, '--json', ...flags];
  const child = launch(words, start.environment, start.nodeFlags, start.program);
  if (child.pid !== undefined) start.onSpawn?.(child.pid);
  for (const output of [child.stdout, child.stderr]) {
    if (start.onLine === undefined || output === null) continue;
    createInterface({ input: output }).on('line', start.onLine);
  }
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint += chunk;
  });
  const log: Record<string, unknown>[] = [];
  const ports = await listening(child, log).catch((error: Error) => {
    throw new Error(
      `${error.message}\n${complaint}${log.map((l) => JSON.stringify(l)).join('\n')}`,
    );
  });
  // 'close' and not 'exit': by then all that it said was read.
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const end = async () => {
    const late = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
    const code = await ended;
    clearTimeout(late);
    return code;
  };
  return {
    ...ports,
    pid: child.pid ?? 0,
    log,
    ended,
    said: () => [
      ...log
        .filter(({ level }) => level === 'warn' || level === 'error')
        .map(({ msg }) => `${msg}`)
        // As the test's own site has it.
        .filter((line) => !/^listen\.\S+: auth: none: /.test(line)),
      ...complaint.split('\n').filter((line) => line !== ''),
    ],
    metric: (name, label) => readMetric(ports.httpPort, name, label),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    stop() {
      child.kill('SIGTERM');
      return end();
    },
    signal: (signal) => child.kill(signal),
    end,
  };
}

/** Runs `headwater` to its end: for starts that must fail, and for help. */
export function runHeadwater(
  words: string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  return spawnHeadwater(words, environment).ended;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Once it was suspended: as Linux says it. */
  stopped(): Promise<void>;
}

export function spawnHeadwater(
  words: string[],
  environment: Record<string, string> = {},
  nodeFlags: string[] = [],
): Running {
  const child = launch(words, environment, nodeFlags);
  const ended: Ended = { code: null, output: '', complaint: '' };
  child.stdout?.on('data', (chunk) => {
    ended.output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    ended.complaint += chunk;
  });
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ ...ended, code })),
    stopped: () =>
      until(async () => {
        const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
      }),
  };
}

/** Ends with this process, however that ends. */
function launch(
  words: string[],
  environment: Record<string, string> = {},
  nodeFlags: string[] = [],
  program = process.execPath,
): ChildProcess {
  const child = spawn(program, [...nodeFlags, command, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  child.once('exit', () => process.removeListener('exit', guard));
  return child;
}

/** Reads the log until the line `listening`, then goes on collecting. */
function listening(
  child: ChildProcess,
  log: Record<string, unknown>[],
): Promise<{ tcpPort: number; udpPort: number; httpPort: number }> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('no standard output');
    child.once('close', (code) => reject(new Error(`the proxy ended with exit code ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = parse(line);
      if (log.push(entry) > 10_000) log.shift();
      if (entry.msg === 'listening') {
        const { tcpPort, udpPort, httpPort } = entry;
        resolve({
          tcpPort: Number(tcpPort),
          udpPort: Number(udpPort),
          httpPort: Number(httpPort),
        });
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

/** `label`: as it stands in the line, e.g. `kind="frame-check"`. */
async function readMetric(httpPort: number, name: string, label = ''): Promise<number | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/metrics`);
    const lines = (await answer.text()).split('\n').filter((line) => {
      return (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label);
    });
    if (lines.length === 0) return null;
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  } catch {
    return null;
  }
}
