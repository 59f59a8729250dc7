import { createRequire } from 'node:module';
import { createKafkajsSink } from '../../proxy/kafka/kafkajs-sink.js';
import { sinkHazards } from './hazards.js';

interface RequestQueue {
  pending: unknown[];
  push(request: unknown): void;
}

await sinkHazards({
  name: 'kafkajs',
  createSink: createKafkajsSink,
  refusesNewPartitions: true,
  watchPending(onPending) {
    const require = createRequire(import.meta.url);
    const queue = require('kafkajs/src/network/requestQueue').prototype as RequestQueue;
    const { push } = queue;
    queue.push = function (request) {
      push.call(this, request);
      onPending(this.pending.length);
    };
    return () => {
      queue.push = push;
    };
  },
});
