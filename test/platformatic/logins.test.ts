import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { loginSuite } from '../kafka-sink/logins.js';
import { orSkip } from './library.js';

await orSkip((library) =>
  loginSuite('@platformatic/kafka', createPlatformaticSink.bind(null, library)),
);
