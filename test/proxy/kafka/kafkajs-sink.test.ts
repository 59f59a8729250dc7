// The sink and a Kafka that is not there: an outage is told when it is met, not after all of kafkajs's tries.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkajsSink } from '../../../proxy/kafka/kafkajs-sink.js';
import { SinkError } from '../../../proxy/kafka/sink.js';

test('a connection that is lost ends the call that waits for it', async () => {
  let connections = 0;
  const server = createServer((socket: Socket) => {
    connections++;
    socket.on('error', () => {});
    socket.once('data', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sink = createKafkajsSink({ site: 'hall', lane: 0, brokers: [address] });
  try {
    await sink.read();
    assert.unreachable();
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    assert.is(error.kind, 'unreachable');
    assert.match(error.message, `Kafka at ${address} can't be used now (`);
  }
  await sink.close();
  server.close();
  await once(server, 'close');
  assert.ok(connections <= 2, `${connections} connections`);
});

test.run();
