import kafkajs from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRetention } from '../../proxy/kafka/retention.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, withAdmin } from '../kafka/topics.js';
import { at, openBench } from './bench.js';

// Events older than their topic keeps anything, on a real broker: said, and written all the same.

const test = suite('retention');
const hour = 3_600_000;

async function scene(settings: Record<string, string>) {
  const bootstrap = await sharedBroker();
  const bench = openBench(bootstrap, Number(bootstrap.split(':').at(-1)));
  await createTopics(bootstrap, [bench.topic], 1);
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await withAdmin(bootstrap, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: bench.topic, configEntries }],
    }),
  );
  const said: string[] = [];
  let nowMs = Date.now();
  const retention = createRetention({
    ...{ nowMs: () => nowMs, bootstrap, warn: (text) => said.push(text) },
  });
  let sink = await bench.started({ retention });
  let next = 0;
  return {
    ...{ bench, said },
    pass(ms: number) {
      nowMs += ms;
    },
    async again() {
      await sink.close();
      sink = await bench.started({ retention });
    },
    async write(ageMs: number) {
      next++;
      const event = { ...bench.event(`e${next}`), timestampMs: Date.now() - ageMs };
      await sink.transaction([bench.event(`young-${next}`), event], at(next));
    },
    close: () => sink.close(),
  };
}

test('what is older than its topic keeps is said once an hour, and is written', async () => {
  const { bench, said, write, again, pass, close } = await scene({
    'retention.ms': `${48 * hour}`,
  });
  await write(47 * hour);
  assert.equal(said, []);
  await write(72 * hour);
  await write(72 * hour);
  await again();
  await write(72 * hour);
  assert.is(said.length, 1, said.join('\n'));
  assert.match(said[0]!, `topic ${bench.topic} keeps records for 2 days (retention.ms)`);
  assert.match(said[0]!, `--entity-name ${bench.topic} --add-config retention.ms=-1`);
  pass(hour);
  await write(72 * hour);
  assert.is(said.length, 2);
  await close();
  assert.is((await bench.committed()).length, 10);
});

const keeping: [string, Record<string, string>][] = [
  ['keeps all', { 'retention.ms': '-1' }],
  [
    'counts from the arrival',
    { 'retention.ms': `${hour}`, 'message.timestamp.type': 'LogAppendTime' },
  ],
  ['is compacted', { 'retention.ms': `${hour}`, 'cleanup.policy': 'compact' }],
];
for (const [name, settings] of keeping) {
  test(`nothing is said of a topic that ${name}`, async () => {
    const { said, write, close } = await scene(settings);
    await write(1_000 * hour);
    await close();
    assert.equal(said, []);
  });
}

test.run();
