import { copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createBooks } from '../../../proxy/books.js';
import { crc32 } from '../../../proxy/crc32.js';
import {
  decodeSegmentHeader,
  encodeRecord,
  formatVersion,
  idSeed,
} from '../../../proxy/journal/format.js';
import type { Located } from '../../../proxy/journal/record.js';
import { boot } from '../journal/records.js';
import { OfflineScene } from './offline-scene.js';

// `headwater journal verify`, the built command, on real folders.

const test = suite<{ scene: OfflineScene }>('verify');
test.before.each(async (context) => {
  context.scene = await OfflineScene.begin();
});
test.after.each(({ scene }) => scene.end());

function find(all: readonly Located[], device: string, seq: number): Located {
  return all.find(
    ({ record }) => record.kind === 'block' && record.device === device && record.first === seq,
  )!;
}

test('a sound journal is whole, closed and beside an open one; nothing is changed', async ({
  scene,
}) => {
  const { journal } = await scene.filled();
  const before = await scene.digest();
  const open = await scene.run('verify');
  assert.is(open.error, '');
  assert.is(open.code, 0, open.out);
  assert.match(open.out, /17 records \(16 block, 1 table\), 16 events\n/);
  assert.is(await scene.digest(), before);
  await journal.close();
  const closed = await scene.digest();
  const { code, out } = await scene.run('verify', '--json');
  assert.is(code, 0);
  const said = JSON.parse(out);
  assert.is(said.whole, true);
  assert.equal([said.findings, said.lost, said.events], [[], [], 16]);
  assert.ok(said.segments.length > 2);
  assert.is(await scene.digest(), closed);
});

test('a flipped bit: the file, the offsets, the events that it took', async ({ scene }) => {
  const { journal, all } = await scene.filled();
  await journal.close();
  const hit = find(all, 'press-07', 3);
  await scene.flip(hit.offset);
  const before = await scene.digest();
  const { code, out, error } = await scene.run('verify');
  assert.is(code, 1);
  assert.is(error, '');
  const { path } = await scene.segmentOf(hit.offset);
  const lines = out.split('\n');
  assert.is(
    lines[0],
    `damaged: ${path}, offset ${hit.offset} to ${hit.end} (${hit.end - hit.offset} bytes, a block record first)`,
  );
  assert.is(lines[1], `  lost: press-07, boot ${boot}, seq 3 to 3 (1 event)`);
  assert.match(out, /^DAMAGED: 1 finding, 1 event known to be lost/m);
  assert.is(await scene.digest(), before);
  const said = JSON.parse((await scene.run('verify', '--json')).out);
  assert.is(said.whole, false);
  assert.equal(
    said.lost.map((one: object) => ({ ...one, offset: 0 })),
    [{ device: 'press-07', boot, from: 3, to: 4, offset: 0 }],
  );
});

test('of the last record of a place the checkpoint tells', async ({ scene }) => {
  const { journal, all } = await scene.filled();
  await journal.close();
  await scene.flip(find(all, 'kiln', 7).offset);
  const { code, out } = await scene.run('verify');
  assert.is(code, 1);
  assert.match(out, new RegExp(`  lost: kiln, boot ${boot}, seq 7 to 7 \\(1 event\\)`));
});

test('a file that was cut off: what is missing, and the other segments are checked', async ({
  scene,
}) => {
  const { journal, all } = await scene.filled();
  await journal.close();
  const hit = find(all, 'press-07', 2);
  const { path, start } = await scene.segmentOf(hit.offset);
  await truncate(path, hit.offset - start + 10);
  await scene.flip(find(all, 'press-07', 6).offset);
  const { code, out } = await scene.run('verify');
  assert.is(code, 1);
  assert.match(out, `missing: ${path}, offset ${hit.offset + 10} to `);
  assert.match(out, /lost: press-07, boot \d+, seq 6 to 6 \(1 event\)/);
  assert.match(out, /lost: press-07, boot \d+, seq 2 to /);
});

test('the newest segment, cut below what a checkpoint covers', async ({ scene }) => {
  const { journal, all } = await scene.filled({ segmentBytes: 1 << 18 });
  await journal.close();
  const { path, start } = await scene.segmentOf(all.at(-1)!.offset);
  await truncate(path, all.at(-2)!.offset - start);
  const { code, out } = await scene.run('verify');
  assert.is(code, 1);
  assert.match(out, /^missing: /m);
  assert.match(out, /lost: kiln, boot \d+, seq 7 to 7/);
});

test('a checkpoint that can not be read costs nothing, and is said', async ({ scene }) => {
  const { journal } = await scene.filled();
  await journal.close();
  const path = join(scene.folder, 'checkpoint-0');
  const bytes = await readFile(path);
  bytes[70]! ^= 1;
  await writeFile(path, bytes);
  const { code, out } = await scene.run('verify');
  assert.is(code, 1);
  assert.match(out, /^damaged: \S+checkpoint-0: it can't be read/);
  assert.match(out, /1 of 2 checkpoints/);
  assert.match(out, /DAMAGED: 1 finding, 0 events known to be lost/);
});

test('the beginning of a group behind the last one is no damage', async ({ scene }) => {
  const { journal, all } = await scene.filled();
  await journal.close();
  const { path, start } = await scene.segmentOf(all.at(-1)!.offset);
  const bytes = await readFile(path);
  await writeFile(path, Buffer.concat([bytes, bytes.subarray(all.at(-1)!.offset - start)]));
  const { code, out } = await scene.run('verify');
  assert.is(code, 0, out);
  assert.match(out, /behind the last group: being written, or torn by a crash/);
});

test('no journal, no configuration: one line, 2', async ({ scene }) => {
  const none = await scene.run('verify');
  assert.is(none.code, 2);
  assert.match(none.error, /^headwater: \S+journal: no journal yet; [^\n]*\n$/);
  await rm(scene.config);
  const { code, error } = await scene.run('verify');
  assert.is(code, 2);
  assert.match(error, /^headwater: \S+site.yaml: there is no such file; [^\n]*\n$/);
});

/** Journals whose records are sound, or seem so, and on which a proxy does not start. */
const refused: Record<string, (scene: OfflineScene) => Promise<RegExp>> = {
  async 'both checkpoints are gone'(scene) {
    // Not the first segment's journal any more, in which replay could begin.
    const [first] = await segmentsOf(scene);
    for (const name of ['checkpoint-0', 'checkpoint-1', first!]) await rm(join(scene.folder, name));
    return /the newest checkpoint can't be read and \S+\.segment does not begin where replay must/;
  },
  async 'the last segment is gone'(scene) {
    await rm(join(scene.folder, (await segmentsOf(scene)).at(-1)!));
    return /\.segment ends at offset \d+, and was synced up to \d+; put the file back/;
  },
  async 'the last segment is cut off'(scene) {
    const path = join(scene.folder, (await segmentsOf(scene)).at(-1)!);
    await truncate(path, 100);
    return /\.segment ends at offset \d+, and was synced up to \d+; put the file back/;
  },
  async 'all segments are gone'(scene) {
    for (const name of await segmentsOf(scene)) await rm(join(scene.folder, name));
    return /there is a checkpoint and no segment; put the segments back/;
  },
  async 'the checkpoints are of another journal'(scene) {
    const other = await OfflineScene.begin();
    await (await other.filled()).journal.close();
    for (const name of ['checkpoint-0', 'checkpoint-1']) {
      await copyFile(join(other.folder, name), join(scene.folder, name));
    }
    await other.end();
    return /belongs to journal [0-9a-f]{32}/;
  },
  async 'a file of somebody else'(scene) {
    await writeFile(join(scene.folder, 'notes.txt'), 'mine');
    return /holds files that are no journal's \(notes\.txt\)/;
  },
};

for (const [what, make] of Object.entries(refused)) {
  test(`${what}: the proxy refuses it, and verify and adopt say its line`, async ({ scene }) => {
    const { journal } = await scene.filled({ books: createBooks() });
    await journal.close();
    const said = await make(scene);
    await scene.withKafka();
    const before = await scene.digest();
    for (const words of [['proxy'], ['journal', 'verify'], ['journal', 'adopt']]) {
      const { code, error, out } = await scene.headwater(...words);
      assert.is(code, 1, `${words.join(' ')} did not refuse it: ${out}${error}`);
      assert.match(`${error}${out}`, said);
      assert.not.match(`${error}${out}`, /\n {4}at /);
      assert.is(await scene.digest(), before);
    }
    const { out } = await scene.run('verify', '--json');
    if (out === '') return;
    assert.is(JSON.parse(out).whole, false);
    assert.match(JSON.parse(out).refusal, said);
  });
}

const threeVerbs = [
  ['verify', 1],
  ['show', 2],
  ['adopt', 1],
] as const;

test('a checkpoint that the disk does not give: one line of each verb, and no stack trace', async ({
  scene,
}) => {
  const { journal } = await scene.filled();
  await journal.close();
  const path = join(scene.folder, 'checkpoint-0');
  await rm(path);
  await mkdir(path);
  await scene.withKafka();
  for (const [verb, expected] of threeVerbs) {
    const { code, error, out } = await scene.run(verb);
    assert.is(code, expected, `${verb}: ${error}`);
    assert.match(`${error}${out}`, /EISDIR: [^\n]*checkpoint-0/);
    if (verb === 'verify') assert.match(out, /^unreadable: \S+checkpoint-0: /);
    else assert.match(error, /^headwater: [^\n]*\n$/);
    assert.not.match(`${error}${out}`, /\n {4}at /);
  }
});

test("the journal's folder is a file: one line of each verb", async ({ scene }) => {
  await writeFile(scene.folder, 'mine');
  await scene.withKafka();
  for (const [verb] of threeVerbs) {
    const { code, error } = await scene.run(verb);
    assert.is(code, verb === 'adopt' ? 1 : 2, `${verb}: ${error}`);
    assert.match(error, /^headwater: [^\n]*ENOTDIR[^\n]*\n$/);
  }
});

async function segmentsOf({ folder }: OfflineScene): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.segment')).sort();
}

/** What a later version may have written. */
const later: Record<string, (scene: OfflineScene) => Promise<RegExp>> = {
  async 'a segment'(scene) {
    await rewrite(scene, '.segment', (bytes) => sealed(bytes, 60));
    return /0000-0000000\d\.segment was written by a newer version of headwater; start that version/;
  },
  async 'a checkpoint'(scene) {
    await rewrite(scene, 'checkpoint-0', (bytes) => sealed(bytes, 60));
    return /checkpoint-0 was written by a newer version of headwater; start that version/;
  },
  async 'a record'(scene) {
    await rewrite(scene, '.segment', (bytes) => {
      const header = decodeSegmentHeader(bytes);
      if (typeof header === 'string') throw new Error(header);
      const place = {
        seed: idSeed(header.id),
        generation: header.generation,
        offset: header.start + 64,
      };
      const payload = bytes.subarray(64 + 24, 64 + 24 + bytes.readUInt32LE(64 + 8));
      encodeRecord(bytes, 64, { type: 99, flags: 0, lane: 0xffff, payload }, place);
    });
    // Replay begins there.
    for (const slot of ['checkpoint-0', 'checkpoint-1']) await rm(join(scene.folder, slot));
    return /the record at offset 64 has type 99, which this version does not know; start the version that wrote it/;
  },
};

for (const [what, make] of Object.entries(later)) {
  test(`${what} of a later version: proxy and verbs refuse it in one line`, async ({ scene }) => {
    const { journal } = await scene.filled();
    await journal.close();
    const said = await make(scene);
    const before = await scene.digest();
    for (const words of [['journal', 'verify'], ['journal', 'show'], ['proxy']]) {
      const { code, error, out } = await scene.headwater(...words);
      assert.ok(code !== 0, `${words.join(' ')} did not refuse it: ${out}`);
      if (words[0] === 'journal') assert.is(code, 2);
      assert.match(`${error}${out}`, said);
      assert.not.match(`${error}${out}`, /\n {4}at /);
      assert.is(await scene.digest(), before);
    }
  });
}

/** The first file whose name ends so. */
async function rewrite(
  scene: OfflineScene,
  ending: string,
  change: (bytes: Buffer) => void,
): Promise<void> {
  const names = (await readdir(scene.folder)).sort();
  const path = join(scene.folder, names.find((one) => one.endsWith(ending))!);
  const bytes = await readFile(path);
  change(bytes);
  await writeFile(path, bytes);
}

/** A header of the next version, with a check of its own. */
function sealed(bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(formatVersion + 1, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at);
}

test.run();
