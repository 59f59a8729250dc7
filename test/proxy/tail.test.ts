import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Journal } from '../../proxy/journal/journal.js';
import type { BlockRecord } from '../../proxy/journal/record.js';
import { until } from '../site/until.js';
import { openReal, settled } from './journal/records.js';
import { fromHex, vectors } from './vectors.js';

// `headwater tail`, the built command as a process of its own, beside a journal that is open.

interface Context {
  folder: string;
  config: string;
  children: ChildProcess[];
}

const test = suite<Context>('tail');
const command = fileURLToPath(new URL('../../headwater.js', import.meta.url));
const device = 'press-07';
const boot = 1_763_956_800;

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'headwater-tail-'));
  context.config = join(context.folder, 'site.yaml');
  context.children = [];
  await writeFile(context.config, 'site: press-hall\nkeys: k\njournal:\n  folder: ./journal\n');
});
test.after.each(async ({ folder, children }) => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function tail({ config, children }: Context, ...flags: string[]) {
  const child = spawn(process.execPath, [command, 'tail', '--config', config, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const said = { out: '', error: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.error += chunk;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { said, ended, child, lines: () => said.out.split('\n').slice(0, -1) };
}

const blocks = vectors<{ cases: { name: string; block: string; events: unknown[] }[] }>('blocks');
const [motes] = vectors<{ cases: { bytes: string; id: string }[] }>('tables').cases;

/** The vectors' block "one event": t 21.5, rh 40.25 at an uptime of 5,012 ms. */
function oneEvent(seq: number, quality: BlockRecord['quality'] = 'synced'): BlockRecord {
  const found = blocks.cases.find(({ name }) => name === 'one event');
  return {
    ...{ kind: 'block', device, boot, first: seq, count: 1, from: seq, table: motes!.id },
    ...{ arrivalMs: 1_763_956_805_100, offsetMs: 1_763_956_800_000 + 1_000 * seq },
    ...{ lastTimeMs: 1_763_956_805_012 + 1_000 * seq, quality, bytes: fromHex(found!.block) },
  };
}

async function journalOf({ folder }: Context): Promise<Journal> {
  const journal = await openReal(join(folder, 'journal'));
  journal.append({ kind: 'table', device, id: motes!.id, bytes: fromHex(motes!.bytes) });
  return journal;
}

test('lines for people, while the journal is open', async (context) => {
  const journal = await journalOf(context);
  journal.append(oneEvent(0));
  journal.append(oneEvent(1, 'estimated'));
  journal.append({
    ...{ kind: 'loss', device, boot, from: 2, to: 5, reason: 'overflow' },
    arrivalMs: 1_763_956_806_000,
  });
  await settled(journal);
  const { said, ended, lines } = tail(context, '--no-follow');
  assert.is(await ended, 0);
  assert.is(said.error, '');
  assert.equal(lines(), [
    `2025-11-24T04:00:05.012Z  ${device}  ${boot}/0  climate  {"t":21.5,"rh":40.25}`,
    `2025-11-24T04:00:06.012Z  ${device}  ${boot}/1  climate  {"t":21.5,"rh":40.25}  (estimated)`,
    `2025-11-24T04:00:06.000Z  ${device}  ${boot}/2  (lost)  ` +
      `{"boot":${boot},"from":2,"to":5,"reason":"overflow"}`,
  ]);
  await journal.close();
});

test('one JSON object a line', async (context) => {
  const journal = await journalOf(context);
  journal.append(oneEvent(0));
  await settled(journal);
  await journal.close();
  const { ended, lines } = tail(context, '--no-follow', '--json');
  assert.is(await ended, 0);
  assert.equal(
    lines().map((line) => JSON.parse(line)),
    [
      {
        ...{ time: 1_763_956_805_012, device, id: `${boot}/0`, quality: 'synced' },
        ...{ stream: 'climate', value: { t: 21.5, rh: 40.25 } },
      },
    ],
  );
});

test('it follows: later events, over a rotation and a restart', async (context) => {
  const first = await journalOf(context);
  first.append(oneEvent(0));
  await settled(first);
  const { ended, child, lines, said } = tail(context, '--json');
  await until(() => lines().length === 1);
  first.append(oneEvent(1));
  await until(() => lines().length === 2);
  await first.close();

  const second = await openReal(join(context.folder, 'journal'), { segmentBytes: 1_000 });
  for (let seq = 2; seq < 30; seq++) {
    second.append(oneEvent(seq));
    await settled(second);
  }
  await until(() => lines().length === 30);
  const ids = lines().map((line) => (JSON.parse(line) as { id: string }).id);
  assert.equal(
    ids,
    Array.from({ length: 30 }, (_, seq) => `${boot}/${seq}`),
  );
  assert.is(said.error, '');
  child.kill('SIGTERM');
  await ended;
  // It took no lock and wrote nothing.
  await second.close();
});

test('a reader that has seen enough ends it', async (context) => {
  const journal = await journalOf(context);
  journal.append(oneEvent(0));
  await settled(journal);
  const { child, lines, ended, said } = tail(context);
  await until(() => lines().length === 1);
  child.stdout?.destroy();
  journal.append(oneEvent(1));
  assert.is(await ended, 0);
  assert.is(said.error, '');
  await journal.close();
});

test('no journal: one line, exit code not 0, and none is made', async (context) => {
  const { said, ended } = tail(context, '--no-follow');
  assert.is(await ended, 2);
  assert.match(said.error, /^\S+journal: no journal yet; a proxy's start makes one\n$/);
  assert.is(said.out, '');
  assert.equal(await readdir(context.folder), ['site.yaml']);
});

test('a folder that can not be one: one line', async (context) => {
  await writeFile(join(context.folder, 'journal'), 'a file');
  const { said, ended } = tail(context, '--no-follow');
  assert.is(await ended, 2);
  assert.match(
    said.error,
    /^\S+journal: the journal can't be read \(ENOTDIR[^\n]*\); name [^\n]*\n$/,
  );
});

test('a journal that was damaged: one line', async (context) => {
  const journal = await journalOf(context);
  journal.append(oneEvent(0));
  await settled(journal);
  await journal.close();
  const folder = join(context.folder, 'journal');
  for (const name of await readdir(folder)) {
    if (name.endsWith('.segment')) await writeFile(join(folder, name), 'x'.repeat(200));
  }
  const { said, ended } = tail(context, '--no-follow');
  assert.is(await ended, 2);
  assert.match(said.error, /^[^\n]*its header can't be read; put the file back[^\n]*\n$/);
});

test.run();
