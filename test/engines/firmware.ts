import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, type uvu } from 'uvu';
import * as assert from 'uvu/assert';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { openRelay } from '../site/relay.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import type { Cable } from './cable.js';

// The firmware suite: a real engine and a real proxy, over a line and over TCP. The last event that a firmware sends says how many
// went before it and how often send() threw; the journal must hold these once and in order. What differs by engine is a Board.

export interface Context {
  site: Site;
  proxy: ProxyProcess;
  children: ChildProcess[];
  cables: Cable[];
  /** What else ends with the test. */
  ends: (() => Promise<void>)[];
}

export interface Board {
  name: string;
  /** Statements that make `link` of a serial line, whose other end is the cable. */
  serial(context: Context): Promise<{ link: string; cable: Cable }>;
  /** Statements that make `link` of a TCP connection to a port of this machine. */
  net(context: Context, port: number): string;
  /** Builds and starts a firmware; its console. */
  run(context: Context, source: string): Promise<{ text: string }>;
  /** What the console says of an exception that nobody caught. */
  uncaught: RegExp;
}

/** Sends `count` events and then what it counted. `link` makes the variable of that name. */
export const firmware = (link: string, count: number) => `
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
export async function complete({ site }: Context, count: number): Promise<void> {
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

const received = async ({ proxy }: Context, events: number) =>
  until(async () => ((await proxy.metric('headwater_events_received_total')) ?? 0) >= events);

/** The suite of one engine, to which its file adds what only this engine has. */
export function firmwareSuite(board: Board): uvu.Test<Context> {
  const test = suite<Context>(board.name);

  test.before.each(async (context) => {
    context.site = await makeSite({ bootstrap: null, label: 'engines' });
    context.proxy = await startProxy(context.site.config);
    context.children = [];
    context.cables = [];
    context.ends = [];
  });
  test.after.each(async ({ site, proxy, children, cables, ends }) => {
    for (const child of children) child.kill('SIGKILL');
    for (const end of ends) await end();
    for (const cable of cables) await cable.close();
    await proxy.kill();
    await site.remove();
  });

  test('a serial line: once and in order, across garbage and a cable that is pulled', async (context) => {
    const { link, cable } = await board.serial(context);
    const said = await board.run(context, firmware(link, 400));
    await received(context, 50);
    // What breaks into a program on the console, what looks like code, and frames that are none.
    cable.toDevice(
      Buffer.from('\x03\x03print(1)\n\x00\x05\x00abc\x00\xff\xff\x11\x13\x00', 'latin1'),
    );
    cable.toProxy(Buffer.from('\x00garbage\x00\x01\x00', 'latin1'));
    await received(context, 120);
    cable.pull();
    await sleep(600);
    cable.plug();
    await complete(context, 400);
    assert.not.match(said.text, board.uncaught);
  });

  test('with a key, on a line: the proxy and the device prove themselves, and a session is resumed', async (context) => {
    await context.proxy.kill();
    await context.site.remove();
    const overrides = { listen: { tcp: { host: '127.0.0.1', port: 0 } }, keys: './devices.keys' };
    context.site = await makeSite({ bootstrap: null, label: 'engines', overrides });
    const added = await runHeadwater(['device', 'add', 'press-07', '-c', context.site.config]);
    const [line = ''] = /auth\('[^']+'\)/.exec(added.output) ?? [];
    context.proxy = await startProxy(context.site.config);
    const { link, cable } = await board.serial(context);
    const keyed = `import { auth } from 'headwater/auth';\n${link}\n${line};`;
    const said = await board.run(context, firmware(keyed, 100));
    await received(context, 30);
    cable.pull();
    await sleep(600);
    cable.plug();
    await complete(context, 100);
    assert.not.match(said.text, board.uncaught);
  });

  test('TCP: a port where nobody listens yet, then a connection that is cut twice', async (context) => {
    const closed = createServer();
    await once(closed.listen(0, '127.0.0.1'), 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const said = await board.run(context, firmware(board.net(context, port), 400));
    await sleep(300);
    const relay = await openRelay(() => context.proxy.tcpPort, port);
    for (const events of [60, 150]) {
      await received(context, events);
      relay.pull();
      await sleep(300);
      relay.plug();
    }
    await complete(context, 400);
    assert.not.match(said.text, board.uncaught);
    await relay.close();
  });

  return test;
}
