import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KafkaConfig } from '../../../proxy/config.js';
import { startLaneThread } from '../../../proxy/kafka/lane-thread.js';
import { TestClock } from '../talk.js';

// A worker that says what it is told.

const worker = new URL(
  `data:text/javascript,${encodeURIComponent(`
import { parentPort } from 'node:worker_threads';
parentPort.on('message', (message) => {
  if (message.kind === 'stop') parentPort.postMessage({ kind: 'done', end: 'stopped' });
  else parentPort.postMessage({ kind: 'line', level: 'debug', text: String(message.end) });
  if (message.kind === 'stop') parentPort.close();
});`)}`,
);

const test = suite('lane thread');

test('the worker hears of the journal a few times in a linger, and of its end in the last', async () => {
  const clock = new TestClock();
  const heard: string[] = [];
  let wake = () => {};
  const thread = startLaneThread({
    ...{ site: 'a', lane: 0, journalFolder: '', journalId: '', confirmed: null, host: 'test' },
    ...{ delivery: 'exactly-once', ack: 'journal', tables: () => [], clock, worker },
    ...{ begin: 0, passedBytesMax: 1 << 20 },
    kafka: { lingerMs: 20 } as KafkaConfig,
    on(event) {
      if (event.kind === 'line') heard.push(event.text);
      wake();
    },
  });
  const heardOf = async (count: number) => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  // At its birth it is told where the journal stands.
  await heardOf(1);
  for (const end of [100, 200, 300]) thread.syncedEnd(end);
  await heardOf(2);
  clock.advance(5);
  await heardOf(3);
  assert.equal(heard, ['0', '100', '300']);
  clock.advance(5);
  thread.syncedEnd(400);
  await heardOf(4);
  assert.equal(heard, ['0', '100', '300', '400']);
  await thread.stop();
});

test.run();
