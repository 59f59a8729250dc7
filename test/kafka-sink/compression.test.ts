import { createKafkajsSink } from '../../proxy/kafka/kafkajs-sink.js';
import { compressionSuite } from './compression.js';

compressionSuite('kafkajs', createKafkajsSink);
