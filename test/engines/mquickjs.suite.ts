import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildForEngine } from './build.js';
import { layCable } from './cable.js';
import { type Board, type Context, firmwareSuite } from './firmware.js';
import { host } from './mquickjs-host.js';
import { openPty } from './pty.js';

// The firmware suite on a real mquickjs, from bytecode, as on a board that has it in flash, with as much memory as the smallest board
// is said to have (targets/budget.json). The console is the prompt of its command `mqjs` on a pseudo-terminal.

const MEMORY_BYTES = 24_576;
/** The echo of a line is written anew with each of its characters. */
const BYTES_PER_LINE = 24;
const TICK_MS = 5;

/** What the firmware's link is in this process. `say` types a call at the prompt. */
interface Way {
  open(say: (call: string) => void): void;
  write(bytes: Buffer): void;
  close(): void;
}

const saysData = (say: (call: string) => void, bytes: Buffer) => {
  for (let start = 0; start < bytes.length; start += BYTES_PER_LINE) {
    say(`data("${bytes.subarray(start, start + BYTES_PER_LINE).toString('hex')}")`);
  }
};

function socketWay(port: number): Way {
  let socket: Socket | undefined;
  return {
    open(say) {
      const mine = connect(port, '127.0.0.1');
      socket = mine;
      mine.setNoDelay(true);
      mine.on('error', () => {});
      const live = (act: () => void) => () => socket === mine && act();
      mine.on('connect', () => live(() => say('up()'))());
      mine.on('data', (bytes: Buffer) => live(() => saysData(say, bytes))());
      mine.on('close', () => live(() => say('down()'))());
    },
    write: (bytes) => void socket?.write(bytes),
    close() {
      const mine = socket;
      socket = undefined;
      mine?.destroy();
    },
  };
}

/** Types a call, waits for the answer, and types the next one: what is typed meanwhile would be lost. */
async function drive(context: Context, binary: string, code: string, way: Way) {
  const [path, source, bytecode] = ['prompt', 'firmware.js', 'firmware.bin'].map((name) =>
    join(context.site.folder, name),
  ) as [string, string, string];
  await writeFile(source, host + code);
  await promisify(execFile)(binary, ['-o', bytecode, source]);
  const pty = await openPty(path);
  const terminal = openSync(path, 'r+');
  // The command frees what it read of the file when the script has run, and allocates nothing after that.
  const child = spawn(binary, ['--memory-limit', String(MEMORY_BYTES), '-i', '-b', bytecode], {
    stdio: [terminal, terminal, 'pipe'],
  });
  closeSync(terminal);
  context.children.push(child);
  context.ends.push(() => pty.close());
  const said = { text: '' };
  child.stderr!.on('data', (chunk) => {
    said.text += chunk;
  });
  let waiting: string[] = [];
  const say = (call: string) => void waiting.push(call);
  let rest = '';
  pty.heard = (chunk) => {
    rest += chunk.toString('latin1');
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const [, what, hex] = /^!(\w+) ?(\w*)/.exec(line) ?? [];
      if (what === 'write') way.write(Buffer.from(hex!, 'hex'));
      else if (what === 'close' || what === 'open') {
        waiting = [];
        way.close();
        if (what === 'open') way.open(say);
      }
    }
    if (!rest.endsWith('mqjs > ')) return;
    rest = '';
    const type = () => pty.write(Buffer.from(`${waiting.shift() ?? 'run()'}\n`));
    if (waiting.length > 0) type();
    else setTimeout(type, TICK_MS);
  };
  return said;
}

function board(binary: string): Board {
  let way: Way;
  const link = 'const link = host.link;';
  return {
    name: `mquickjs, ${binary}, ${MEMORY_BYTES.toLocaleString('en')} B`,
    async serial(context) {
      let say = (_call: string) => {};
      const end = {
        write: (bytes: Uint8Array) => saysData(say, Buffer.from(bytes)),
        heard: (_bytes: Buffer) => {},
        close: async () => {},
      };
      const cable = layCable(end, context.proxy.tcpPort);
      context.cables.push(cable);
      way = {
        open(says) {
          say = says;
          say('up()');
        },
        write: (bytes) => end.heard(bytes),
        close() {
          say = () => {};
        },
      };
      return { link, cable };
    },
    net(_, port) {
      way = socketWay(port);
      return link;
    },
    uncaught: /Error/,
    run: async (context, source) =>
      drive(context, binary, await buildForEngine(source, 'es5'), way),
  };
}

export function mquickjsSuite(binary: string): void {
  firmwareSuite(board(binary)).run();
}
