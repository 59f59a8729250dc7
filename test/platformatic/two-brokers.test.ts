import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { twoBrokerHazards } from '../kafka-sink/two-brokers.js';
import { orSkip } from './library.js';

await orSkip((library) =>
  twoBrokerHazards('@platformatic/kafka', createPlatformaticSink.bind(null, library)),
);
