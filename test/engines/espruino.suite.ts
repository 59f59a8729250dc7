import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bodies } from '../sdk/peer.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { openRelay } from '../site/relay.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { buildEspruino } from './build.js';
import { type Cable, openCable } from './cable.js';

// A real Espruino and a real proxy, over a pseudo-terminal and over TCP. The last event that a firmware sends says how many went
// before it and how often send() threw; the journal must hold these once and in order.

interface Context {
  site: Site;
  proxy: ProxyProcess;
  children: ChildProcess[];
  cables: Cable[];
}

/** Sends `count` events and then what it counted. `link` is an expression. */
const firmware = (link: string, count: number) => `
${link}
const hw = producer({ device: 'press-07', link, bufferBytes: 1024, lingerMs: 50, ackTimeoutMs: 400, retryBackoffMs: 20 });
let sent = 0;
let threw = 0;
const id = setInterval(() => {
  try {
    if (sent < ${count}) {
      if (hw.send(climate, { t: sent / 10, rh: sent }) !== 'ram') threw++;
      sent++;
    } else {
      clearInterval(id);
      hw.send(done, { sent, threw });
    }
  } catch (error) {
    threw++;
  }
}, 15);
`;

const serialLink = (path: string) => `
import { serial } from 'headwater/links/espruino-serial';
const options = { path: '${path}' };
const link = serial(Serial1, 115200, options);
global.link = link;`;

const netLink = (port: number) => `
import { net } from 'headwater/links/espruino-net';
const link = net({ host: '127.0.0.1', port: ${port} });`;

/** What Espruino says of an exception that nobody caught. */
const uncaught = /Uncaught .*/;

interface Line {
  stream: string;
  value: Record<string, number>;
}

/** What is in the journal. */
async function journal(config: string): Promise<Line[]> {
  const { output } = await runHeadwater(['tail', '--config', config, '--no-follow', '--json']);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** Waits for the firmware's last event, and looks at everything before it. */
async function complete({ site }: Context, count: number): Promise<void> {
  let lines: Line[] = [];
  await until(
    async () => {
      lines = await journal(site.config);
      return lines.some(({ stream }) => stream === 'done');
    },
    { lookMs: 500, deadlineMs: 30_000 },
  );
  assert.equal(
    lines.filter(({ stream }) => stream !== 'climate' && stream !== 'done'),
    [],
    'nothing is lost',
  );
  assert.equal(
    lines.filter(({ stream }) => stream === 'climate').map(({ value }) => value.rh),
    Array.from({ length: count }, (_, index) => index),
  );
  assert.equal(lines.at(-1)?.value, { sent: count, threw: 0 });
}

function engine(binary: string) {
  const total = { variables: 0 };
  const test = suite<Context>(`Espruino, ${binary}`);

  test.before.each(async (context) => {
    context.site = await makeSite({ bootstrap: null, label: 'engines' });
    context.proxy = await startProxy(context.site.config);
    context.children = [];
    context.cables = [];
  });
  test.after.each(async ({ site, proxy, children, cables }) => {
    for (const child of children) child.kill('SIGKILL');
    for (const cable of cables) await cable.close();
    await proxy.kill();
    await site.remove();
  });

  /** Writes a firmware into Storage, and starts it from there; its console is the process's standard input and output. */
  async function run({ site, children }: Context, source: string) {
    const start = async (name: string, text: string) => {
      await writeFile(join(site.folder, name), text);
      const child = spawn(binary, [name], { cwd: site.folder, stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    };
    const code = await buildEspruino(source);
    const chunks = code.match(/[\s\S]{1,500}/g) ?? [];
    const writes = chunks.map(
      (chunk, index) =>
        `s.write('firmware',${JSON.stringify(chunk)},${index * 500},${code.length});\n`,
    );
    await once(
      await start('upload.js', `var s=require('Storage');s.eraseAll();${writes.join('')}`),
      'close',
    );
    // Espruino for Linux ends when no timer is left.
    const child = await start(
      'start.js',
      "setInterval(function(){},1e6);eval(require('Storage').read('firmware'));",
    );
    const said = { text: '' };
    child.stdout.on('data', (chunk) => {
      said.text += chunk;
    });
    return said;
  }
  async function cable(context: Context, path: string) {
    const made = await openCable(path, context.proxy.tcpPort);
    context.cables.push(made);
    return made;
  }
  const received = async ({ proxy }: Context, events: number) =>
    until(async () => ((await proxy.metric('headwater_events_received_total')) ?? 0) >= events);

  test('how many variables it has', async (context) => {
    const said = await run(context, `print('variables ' + process.memory().total + ';');`);
    await until(() => /variables \d+;/.test(said.text));
    total.variables = Number(/variables (\d+);/.exec(said.text)?.[1]);
    console.log(`\n  ${binary}: ${total.variables} variables`);
  });

  test('a serial line: once and in order, across garbage and a cable that is pulled', async (context) => {
    const path = join(context.site.folder, 'line');
    const line = await cable(context, path);
    const said = await run(context, firmware(serialLink(path), 400));
    await received(context, 50);
    // What breaks into a program on the console, what looks like code, and frames that are none.
    line.toDevice(
      Buffer.from('\x03\x03print(1)\n\x00\x05\x00abc\x00\xff\xff\x11\x13\x00', 'latin1'),
    );
    line.toProxy(Buffer.from('\x00garbage\x00\x01\x00', 'latin1'));
    await received(context, 120);
    line.pull();
    await sleep(600);
    line.plug();
    await complete(context, 400);
    assert.not.match(said.text, uncaught);
  });

  test('the console is away from the line while there is a producer', async (context) => {
    const path = join(context.site.folder, 'line');
    const line = await cable(context, path);
    const link = serialLink(path);
    const said = await run(
      context,
      firmware(
        `${link}\nSerial1.setup(115200, options);\nSerial1.setConsole(true);\nprint('before');`,
        60,
      ),
    );
    await complete(context, 60);
    const heard = line.fromDevice();
    assert.match(heard.toString('latin1'), 'before', 'it was there');
    const start = heard.indexOf(0);
    assert.ok(
      bodies(heard.subarray(start)).length > 3,
      'from the first frame on there are frames alone',
    );
    line.pull();
    // A console takes what is typed; a link does not.
    line.toDevice(Buffer.from('\nprint("typed "+6*7)\n'));
    await sleep(300);
    assert.not.match(line.fromDevice().toString('latin1'), 'typed 42');
    assert.not.match(said.text, 'typed 42');
  });

  test('release() gives the console back to the line', async (context) => {
    const path = join(context.site.folder, 'line');
    const line = await cable(context, path);
    await run(
      context,
      firmware(
        `${serialLink(path)}\nSerial1.setup(115200, options);\nSerial1.setConsole(true);
         setTimeout(() => link.release(), 2500);`,
        60,
      ),
    );
    await complete(context, 60);
    line.pull();
    await until(() => {
      line.toDevice(Buffer.from('\nprint("typed "+6*7)\n'));
      return /typed 42/.test(line.fromDevice().toString('latin1'));
    });
  });

  test('TCP: a port where nobody listens yet, then a connection that is cut twice', async (context) => {
    const closed = createServer();
    await once(closed.listen(0, '127.0.0.1'), 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const said = await run(context, firmware(netLink(port), 400));
    await sleep(300);
    const relay = await openRelay(() => context.proxy.tcpPort, port);
    for (const events of [60, 150]) {
      await received(context, events);
      relay.pull();
      await sleep(300);
      relay.plug();
    }
    await complete(context, 400);
    assert.not.match(said.text, uncaught);
    await relay.close();
  });

  test.run();
}

for (const binary of (process.env.ESPRUINO ?? '').split(',')) engine(binary);
