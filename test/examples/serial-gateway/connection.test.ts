import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Connection } from '../../../examples/serial-gateway/connection.js';

test('who accepts and closes at once is tried less and less often; after a steady connection the wait is short again', async () => {
  let nowMs = 0;
  let staysMs = 0;
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const waits: number[] = [];
  let waited = () => {};
  const connection = new Connection({
    ...{ host: '127.0.0.1', port, retryBackoffMs: 100 },
    clock: {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      random: () => Uint8Array.of(0),
      after(delayMs, task) {
        waits.push(delayMs);
        const timer = setImmediate(task);
        waited();
        return () => clearImmediate(timer);
      },
    },
    up() {
      nowMs += staysMs;
    },
    ...{ data() {}, ready() {}, down() {} },
  });
  const attempts = async (count: number) => {
    while (waits.length < count) {
      await new Promise<void>((resolve) => {
        waited = resolve;
      });
    }
    return waits.splice(0, count);
  };
  assert.equal(await attempts(8), [50, 100, 200, 400, 800, 1_600, 3_200, 3_200]);
  staysMs = 10_000;
  await attempts(2);
  assert.equal(await attempts(2), [50, 50]);
  connection.close();
  server.close();
});

test.run();
