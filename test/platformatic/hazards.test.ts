import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { sinkHazards } from '../kafka-sink/hazards.js';
import { orSkip } from './library.js';

type Send = (...request: [...unknown[], callback: (...answer: unknown[]) => void]) => void;

await orSkip((library) =>
  sinkHazards({
    name: '@platformatic/kafka',
    createSink: createPlatformaticSink.bind(null, library),
    refusesNewPartitions: false,
    watchPending(onPending) {
      const connection = library.Connection.prototype as unknown as { send: Send };
      const { send } = connection;
      const pending = new WeakMap<object, number>();
      connection.send = function (...request) {
        const callback = request.pop() as (...answer: unknown[]) => void;
        const add = (one: number) => pending.set(this, (pending.get(this) ?? 0) + one);
        add(1);
        onPending(pending.get(this) ?? 0);
        send.call(this, ...request, (...answer: unknown[]) => {
          add(-1);
          callback(...answer);
        });
      };
      return () => {
        connection.send = send;
      };
    },
  }),
);
