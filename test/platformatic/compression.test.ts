import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { compressionSuite } from '../kafka-sink/compression.js';
import { orSkip } from './library.js';

await orSkip((library) => {
  compressionSuite('@platformatic/kafka', createPlatformaticSink.bind(null, library));
});
