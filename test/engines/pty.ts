import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { until } from '../site/until.js';
import type { CableEnd } from './cable.js';

/** A pseudo-terminal at `path`, which socat makes: what is written there is heard, and the other way round. */
export async function openPty(path: string): Promise<CableEnd> {
  const pty = spawn('socat', [`pty,raw,echo=0,link=${path}`, '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  pty.stdin.on('error', () => {});
  const end: CableEnd = {
    write: (bytes) => pty.stdin.write(bytes),
    heard: () => {},
    async close() {
      pty.kill();
      await once(pty, 'close');
    },
  };
  pty.stdout.on('data', (bytes: Buffer) => end.heard(bytes));
  await until(() => existsSync(path));
  return end;
}
