import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { projectFolder } from '../kafka/jars.js';

// `headwater gateway` as its own process, the built one.

export interface GatewayProcess {
  readonly pid: number;
  readonly config: string;
  readonly httpPort: number;
  readonly log: Record<string, unknown>[];
  /** Of /metrics, summed over its labels. */
  metric(name: string, label?: string): Promise<number>;
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

export async function startGateway(
  folder: string,
  content: Record<string, unknown>,
): Promise<GatewayProcess> {
  const config = join(folder, 'gateway.yaml');
  await writeFile(config, stringify({ http: { host: '127.0.0.1', port: 0 }, ...content }));
  const command = join(projectFolder, 'dist/headwater.js');
  const child = spawn(process.execPath, [command, 'gateway', '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  child.once('exit', () => process.removeListener('exit', guard));
  const log: Record<string, unknown>[] = [];
  const httpPort = await bridging(child, log);
  const ended = once(child, 'close');
  return {
    ...{ pid: child.pid!, config, httpPort, log },
    async metric(name, label = '') {
      const page = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
      return page
        .split('\n')
        .filter((line) => line.startsWith(name) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code as number | null;
    },
  };
}

function bridging(child: ChildProcess, log: Record<string, unknown>[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('close', (code) => reject(new Error(`the gateway ended with exit code ${code}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.msg === 'bridging') resolve(Number(entry.httpPort));
    });
  });
}
