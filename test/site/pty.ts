import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FarEnd } from '../../sdk/link-conformance.js';
import { until } from './until.js';

// A serial line with a far end: a pseudo-terminal of script(1), whose pipes are the far end. `path` stays the same while the line is
// cut and comes back, as /dev/serial/by-id does for an adapter that is pulled and plugged in again.

export interface Pty {
  path: string;
  far: Required<FarEnd> & { onBytes: (bytes: Buffer) => void };
  close(): Promise<void>;
}

export async function openPty(): Promise<Pty> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-pty-'));
  const path = join(folder, 'line');
  let child: ChildProcess;
  let bytes = Buffer.alloc(1 << 16);
  let length = 0;
  let stalls = false;
  let number = 0;
  /** A byte for a line that is not raw yet may be its Ctrl-C. */
  let isPlugged = false;
  let busy: Promise<void> = Promise.resolve();
  /** One after the other. */
  const then = (act: () => Promise<void>) => {
    busy = busy.then(act);
    return busy;
  };

  const plug = async () => {
    const name = join(folder, `name-${++number}`);
    // The shell holds the terminal's other side, so that only the end of `script` is a hang-up.
    const command = `stty raw -echo; tty > ${name}.new; mv ${name}.new ${name}; exec sleep 2147483`;
    const fresh = spawn('script', ['-qfc', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child = fresh;
    fresh.stdin.on('error', () => {});
    fresh.stdout.on('data', (chunk: Buffer) => {
      if (length + chunk.length > bytes.length) {
        bytes = Buffer.concat([bytes, Buffer.alloc(length + chunk.length)]);
      }
      chunk.copy(bytes, length);
      length += chunk.length;
      far.onBytes(chunk);
    });
    if (stalls) fresh.stdout.pause();
    const read = () => readFile(name, 'utf8').catch(() => '');
    await until(async () => (await read()) !== '', { lookMs: 5 });
    isPlugged = true;
    await symlink((await read()).trim(), path);
  };
  const pull = async () => {
    isPlugged = false;
    await unlink(path).catch(() => {});
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  const far: Pty['far'] = {
    onBytes: () => {},
    send(data) {
      if (isPlugged) child.stdin?.write(Buffer.from(data));
    },
    arrived: () => bytes.subarray(0, length),
    cut: () =>
      then(async () => {
        await pull();
        await plug();
      }),
    refuse: (refuses) =>
      then(async () => {
        await pull();
        if (!refuses) await plug();
      }),
    stall(value) {
      stalls = value;
      if (stalls) child.stdout?.pause();
      else child.stdout?.resume();
    },
  };
  await plug();
  return {
    path,
    far,
    async close() {
      await busy;
      await pull();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
