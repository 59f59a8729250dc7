import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// Starts holder.ts as a process of its own.

export interface Holder {
  readonly child: ChildProcess;
  /** The next line that it says. */
  line(): Promise<Record<string, unknown>>;
  say(text: string): void;
  kill(): Promise<void>;
  /** Closes its input; answers the exit code. */
  end(): Promise<number | null>;
}

const holderFile = fileURLToPath(new URL('./holder.js', import.meta.url));

export function startHolder(folder: string): Holder {
  const child = spawn(process.execPath, [holderFile, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  const ended = once(child, 'exit').then(([code]) => {
    process.removeListener('exit', guard);
    return code as number | null;
  });
  // What a killed one did not read any more.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the holder ended');
      return JSON.parse(value) as Record<string, unknown>;
    },
    say: (text) => void child.stdin.write(`${text}\n`),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async end() {
      child.stdin.end();
      return ended;
    },
  };
}
