// A device with a sound key that writes where it should not: into another's stream, one of its own making, the proxy's own. Each is refused with its
// reason and counted, nothing of it is taken, and what the device may write goes through (`allow` of the configuration).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { ACK, emptyTable, forged, greet, itemsOf, RESET } from './attacker.js';
import { Attacked } from './scene.js';

const test = suite('a forbidden stream');
let site: Attacked;
let honest: Sensor;

test.before(async () => {
  const allow = [
    { devices: ['honest'], streams: ['climate'] },
    { devices: ['press'], streams: ['press.*'] },
  ];
  site = await Attacked.start('forbidden', { devices: ['press'], more: { allow } });
  honest = await site.honest();
});
test.after(() => site.end());

async function session() {
  const writer = await greet(await site.dial(), site.key('press'), {
    ...{ device: 'press', tables: [emptyTable], boots: [[5, 0, 1, 0]] },
  });
  assert.ok(writer);
  return writer;
}

for (const stream of ['climate', 'press', 'headwater.loss', 'PRESS.state']) {
  test(`into ${JSON.stringify(stream)}: refused, and nothing of it is taken`, async () => {
    const writer = await session();
    writer.write(forged(5, 0, stream));
    const answer = await writer.attacker.next(RESET, ACK);
    assert.ok(answer);
    if (answer[0] === RESET) assert.is(itemsOf(answer.subarray(0, -4))[1], 4);
    writer.attacker.end();
    await passes(honest, 10);
  });
}

test('what it may write goes through, and the device beside is whole', async () => {
  assert.ok((await site.counted('stream-not-allowed')) >= 3);
  const writer = await session();
  writer.write(forged(5, 0, 'press.state'));
  assert.ok(await writer.attacker.next(ACK));
  assert.ok(await honest.finish());
  const taken = await site.journal();
  const own = taken.filter(({ device }) => device === 'press');
  assert.equal([...new Set(own.map(({ stream }) => stream))], ['press.state']);
  assert.is(taken.length - own.length, honest.sent.size);
});

test.run();
