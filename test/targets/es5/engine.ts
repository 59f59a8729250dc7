import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { getQuickJS } from 'quickjs-emscripten';

// A built ES5 firmware in an engine of ES5, with a host in the test's hands: its clock stands until it is told, its link is lines of hex.
// Duktape and MuJS are their Debian commands, which evaluate each line that they read.

export interface Engine {
  /** Runs statements; answers what they printed. */
  run(code: string): Promise<string[]>;
  stop(): Promise<void>;
}

export const engines: Record<string, (firmware: string) => Promise<Engine>> = {
  Duktape: (firmware) => commandEngine('duk', ['-i'], '', firmware),
  // Its own prompt ends at the first mistake; what it prints into a pipe waits for a full buffer unless it is told.
  MuJS: (firmware) =>
    commandEngine('stdbuf', ['-oL', 'mujs'], 'while (true) eval(readline());', firmware),
  QuickJS: quickjs,
};

/** Why an engine can't be run here; null: it can. */
export function missing(name: string): string | null {
  const command = { Duktape: 'duk', MuJS: 'mujs' }[name];
  if (command === undefined || spawnSync(command, ['-e', ''], { input: '' }).error === undefined) {
    return null;
  }
  return `${name} is not run: there is no command ${command} (apt-get install duktape mujs)`;
}

/**
 * The host, in ES5. `tell` prints what the device writes; a host's numbers are the test's.
 * `host` is what sdk/engines/host.ts asks for; `board` is the firmware's.
 */
export const host = `
var now = 0, tasks = [], draws = [], board = {}, written = '', room = Infinity;
var host = {
  clock: function () { return now; },
  after: function (task, delayMs) {
    var timer = { task: task, at: now + delayMs };
    tasks.push(timer);
    return timer;
  },
  cancel: function (timer) { tasks = tasks.filter(function (other) { return other !== timer; }); },
  random: function () { return draws.length ? draws.shift() : 0.5; }
};
function advance(ms) {
  var end = now + ms;
  for (;;) {
    var next = null;
    for (var i = 0; i < tasks.length; i++) {
      if (tasks[i].at <= end && (!next || tasks[i].at < next.at)) next = tasks[i];
    }
    if (!next) break;
    now = Math.max(now, next.at);
    host.cancel(next);
    next.task();
  }
  now = end;
}
board.link = {
  opened: 0,
  open: function (events) { this.opened++; this.events = events; events.up(); },
  write: function (bytes) {
    var taken = Math.min(room, bytes.length);
    for (var i = 0; i < taken; i++) written += (bytes[i] + 256).toString(16).slice(1);
    room -= taken;
    return taken;
  },
  close: function () {}
};
function tell() { print(written); written = ''; }
function say(hex) {
  var bytes = [];
  for (var i = 0; i < hex.length; i += 2) bytes.push(parseInt(hex.slice(i, i + 2), 16));
  board.link.events.data(bytes);
}
`;

const END = 'end of the answer';

async function commandEngine(
  command: string,
  words: string[],
  loop: string,
  firmware: string,
): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-es5-'));
  const file = join(folder, 'firmware.js');
  await writeFile(file, `${host}\n${firmware}\nprint('${END}');\n${loop}`);
  const child: ChildProcess = spawn(command, [...words, file], { stdio: 'pipe' });
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let lines: string[] = [];
  let done = (_lines: string[]) => {};
  let failed = (_error: Error) => {};
  const answer = () =>
    new Promise<string[]>((resolve, reject) => {
      // Ends a hang.
      const hung = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`${command} has not answered for a minute`));
      }, 60_000);
      done = (answered) => {
        clearTimeout(hung);
        resolve(answered);
      };
      failed = (error) => {
        clearTimeout(hung);
        reject(error);
      };
    });
  createInterface({ input: child.stdout! }).on('line', (line) => {
    // Duktape's prompt, and the value that it prints of each line.
    const text = line.replace(/^(duk> )+/, '');
    if (text === END) {
      done(lines);
      lines = [];
    } else if (/Error:/.test(text)) failed(new Error(`${command}: ${text}`));
    else if (!text.startsWith('= ') && !text.startsWith('((o) ')) lines.push(text);
  });
  child.on('error', (error) => failed(error));
  child.on('close', () => failed(new Error(`${command} ended: ${lines.join('\n')} ${complaint}`)));
  await answer();
  return {
    run(code) {
      const awaited = answer();
      child.stdin!.write(`${code.replaceAll('\n', ' ')}; print('${END}');\n`);
      return awaited;
    },
    async stop() {
      child.removeAllListeners('close');
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function quickjs(firmware: string): Promise<Engine> {
  const context = (await getQuickJS()).newContext();
  let lines: string[] = [];
  context
    .newFunction('print', (text) => {
      lines.push(context.getString(text));
    })
    .consume((print) => context.setProp(context.global, 'print', print));
  const run = async (code: string): Promise<string[]> => {
    lines = [];
    context.unwrapResult(context.evalCode(code)).dispose();
    return lines;
  };
  await run(`${host}\n${firmware}`);
  return {
    run,
    stop: async () => context.dispose(),
  };
}
