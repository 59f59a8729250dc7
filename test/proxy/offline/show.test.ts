import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { boot, settled } from '../journal/records.js';
import { OfflineScene } from './offline-scene.js';

// `headwater journal show`, the built command, on real folders.

const test = suite<{ scene: OfflineScene }>('show');
test.before.each(async (context) => {
  context.scene = await OfflineScene.begin();
});
test.after.each(({ scene }) => scene.end());

test('the summary: segments, checkpoint, lanes, places, beside an open journal', async ({
  scene,
}) => {
  const { journal, all } = await scene.filled();
  const before = await scene.digest();
  const { code, out, error } = await scene.run('show');
  assert.is(error, '');
  assert.is(code, 0);
  assert.match(out, `${scene.folder}: journal ${journal.id}\n`);
  assert.match(out, /^\d segments, offsets 0 to \d+/m);
  assert.match(out, /^checkpoint-[01]: number \d+, covers all below \d+/m);
  assert.match(out, /^lane 0: Kafka has confirmed nothing; \d+ bytes behind it/m);
  assert.match(out, new RegExp(`^  press-07  boot ${boot}  next seq 8, waits for Kafka`, 'm'));
  assert.match(out, /^ {2}kiln {2}1111111111111111 {2}3 bytes/m);
  assert.is(await scene.digest(), before);
  await journal.close();
  const closed = JSON.parse((await scene.run('show', '--json')).out);
  assert.is(closed.lanes[0].confirmed.offset, all[1]!.offset);
  assert.equal(
    closed.places.map(({ device, seq, isCommitted }: Record<string, unknown>) => ({
      ...{ device, seq, isCommitted },
    })),
    [
      { device: 'press-07', seq: 8, isCommitted: false },
      { device: 'kiln', seq: 8, isCommitted: false },
    ],
  );
  assert.match((await scene.run('show')).out, /^lane 0: Kafka has all below \d+ \(record at /m);
});

test('records: all, of a device, from an offset, so many', async ({ scene }) => {
  const { journal, all } = await scene.filled();
  journal.append({
    ...{ kind: 'loss', device: 'kiln', boot, from: 8, to: 12, reason: 'overflow', arrivalMs: 1 },
  });
  await settled(journal);
  await journal.close();
  const lines = async (...flags: string[]) =>
    (await scene.run('show', ...flags)).out.split('\n').slice(0, -1);
  const records = await lines('--records');
  assert.is(records.filter((line) => line.includes('  block  ')).length, 16);
  assert.match(records[0]!, /^\d+ {2}\d+ bytes {2}lane 0 {2}table {2}kiln /);
  assert.match(
    records.find((line) => line.includes('loss'))!,
    /kiln {2}boot \d+ {2}seq 8 to 11 {2}overflow/,
  );
  assert.match(
    records.join('\n'),
    /confirm {2}of lane 0: Kafka has all below \d+; events: press-07 1/,
  );
  const press = await lines('--records', '--device', 'press-07');
  assert.is(press.filter((line) => line.includes('  block  ')).length, 8);
  const [, , third] = all;
  const two = await lines('--from', String(third!.offset), '--limit', '2');
  assert.equal(
    two.map((line) => Number(line.split(' ')[0])),
    all.slice(2, 4).map(({ offset }) => offset),
  );
  const behind = await lines('--from', String(third!.offset + 1), '--limit', '1', '--json');
  assert.is(JSON.parse(behind[0]!).offset, all[3]!.offset);
});

test('damage is said on the way, and where it lies', async ({ scene }) => {
  const { journal, all } = await scene.filled();
  await journal.close();
  await scene.flip(all[5]!.offset);
  const { code, out, error } = await scene.run('show', '--records');
  assert.is(code, 0);
  assert.match(error, `bytes at offset ${all[5]!.offset} are damaged and passed over`);
  assert.match(out, /\(lost to damage before it: \S+, boot \d+, seq \d to \d\)\n/);
});

test('wrong use: one line, 2', async ({ scene }) => {
  const wrong = await scene.run('show', '--limit', 'many');
  assert.is(wrong.code, 2);
  assert.match(wrong.error, /Expected a whole number/);
  const none = await scene.run('show');
  assert.is(none.code, 2);
  assert.match(none.error, /^headwater: [^\n]*no journal yet[^\n]*\n$/);
});

test.run();
