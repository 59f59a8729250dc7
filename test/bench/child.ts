// A child process that speaks by messages and never outlives this one.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child<Message> {
  readonly pid: number;
  go(): void;
  /** The next message of that kind; rejects where the child ends before. */
  hears<Kind extends string>(
    kind: Message extends { kind: Kind } ? Kind : never,
  ): Promise<Extract<Message, { kind: Kind }>>;
  end(): void;
}

/** `file`: beside this one, built. */
export function startChild<Message extends { kind: string }>(
  file: string,
  words: readonly (string | number)[],
  /** Another Node than this. */
  execPath = process.execPath,
  environment: Record<string, string> = {},
): Child<Message> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = fork(path, words.map(String), {
    ...{ serialization: 'advanced', execPath, env: { ...process.env, ...environment } },
  });
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  child.once('exit', () => process.removeListener('exit', guard));
  const heard: Message[] = [];
  let wake = () => {};
  child.on('message', (message) => {
    heard.push(message as Message);
    wake();
  });
  let ended: number | null | undefined;
  child.once('exit', (code) => {
    ended = code;
    wake();
  });
  return {
    pid: child.pid ?? 0,
    go: () => void child.send('go'),
    async hears(kind) {
      for (;;) {
        const at = heard.findIndex((message) => message.kind === kind);
        if (at >= 0) return heard.splice(at, 1)[0] as never;
        if (ended !== undefined) throw new Error(`${file} ended (${ended}) before it said ${kind}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end: () => void child.kill('SIGKILL'),
  };
}
