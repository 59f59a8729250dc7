// Measures when flow is back: Kafka's own Java client watches the topics (Watch.java) and says which events
// have become readable. Flow has resumed when an event that was sent after the fault's end is.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureJars, projectFolder } from '../kafka/jars.js';

export interface Flow {
  /**
   * Waits for one event of each device from `from` on (device → seq). Answers when the first of the devices had
   * one, and when the last had, as performance.now() counts; those that had none by the deadline are named.
   */
  after(
    from: ReadonlyMap<string, number>,
    deadlineMs: number,
  ): Promise<{ firstMs: number | null; allMs: number | null; silent: string[] }>;
  /** The highest seq of the device that was seen; -1 before the first. */
  seen(device: string): number;
  /** For a Kafka that is another one now. */
  reopen(): Promise<void>;
  close(): void;
}

interface Wait {
  from: Map<string, number>;
  firstMs: number | null;
  end(): void;
}

export async function watchFlow(options: {
  bootstrap: string;
  topics: string[];
  /** What the watcher says about its own troubles. */
  logFile: string;
}): Promise<Flow> {
  const jars = await ensureJars();
  const seen = new Map<string, number>();
  let waiting: Wait | null = null;
  let child: ChildProcess | null = null;

  function take(line: string): void {
    const [device = '', identity = ''] = line.split('\t');
    const seq = Number(identity.slice(identity.indexOf('/') + 1));
    seen.set(device, Math.max(seen.get(device) ?? -1, seq));
    const from = waiting?.from.get(device);
    if (waiting === null || from === undefined || seq < from) return;
    waiting.firstMs ??= performance.now();
    waiting.from.delete(device);
    if (waiting.from.size === 0) waiting.end();
  }

  async function open(): Promise<void> {
    const memory = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', jars];
    const source = join(projectFolder, 'test/chaos/Watch.java');
    const { bootstrap, topics, logFile } = options;
    const opened = spawn('java', [...memory, source, bootstrap, topics.join(',')], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child = opened;
    opened.stderr.pipe(createWriteStream(logFile, { flags: 'a' }));
    const lines = createInterface({ input: opened.stdout });
    await new Promise<void>((resolve, reject) => {
      opened.once('close', (code) => reject(new Error(`the watcher ended (${code}); ${logFile}`)));
      lines.on('line', (line) => (line === 'watching' ? resolve() : take(line)));
    });
  }

  const close = () => child?.kill('SIGKILL');
  await open();
  return {
    seen: (device) => seen.get(device) ?? -1,
    after(from, deadlineMs) {
      return new Promise((resolve) => {
        const wait: Wait = { from: new Map(from), firstMs: null, end: () => {} };
        const settle = (allMs: number | null) => {
          waiting = null;
          resolve({ firstMs: wait.firstMs, allMs, silent: [...wait.from.keys()] });
        };
        const late = setTimeout(() => settle(null), deadlineMs);
        wait.end = () => {
          clearTimeout(late);
          settle(performance.now());
        };
        waiting = wait;
      });
    },
    async reopen() {
      close();
      await open();
    },
    close,
  };
}
