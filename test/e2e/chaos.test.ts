// A small share of `npm run chaos`: a few kills of the built proxy and one of each cheap fault, under load; then nothing
// is lost, twice, out of order or made up, and the books of proxy and devices say the same.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { faults } from '../chaos/faults/all.js';
import { runChaos } from '../chaos/run.js';
import { schedule } from '../chaos/schedule.js';
import { openSite } from '../chaos/site.js';

const test = suite('chaos');
const cheap = [
  'kill',
  'power-cut',
  'link-reset',
  'link-drop',
  'link-hole',
  'fence',
  'topic-delete',
];

test('three kills and one of each cheap fault: everything is there once and in order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-chaos-'));
  const scene = await openSite({ folder, devices: 4, everyMs: 25, ack: 'journal', say: () => {} });
  const some = faults.filter(({ name }) => cheap.includes(name));
  const rounds = schedule(some, { seed: 5, kills: 3, each: 1, only: null });
  const { amiss, verdict } = await runChaos({
    ...{ scene, rounds, seed: 5, endMs: Number.POSITIVE_INFINITY },
    onRound: () => {},
  }).finally(() => scene.close());
  await Promise.all(scene.brokers.map((broker) => broker.kill('SIGKILL')));
  assert.equal(amiss, [], `kept: ${folder}`);
  assert.ok(verdict.accepted > 0);
  await scene.remove();
});

test.run();
