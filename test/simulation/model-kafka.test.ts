import { sinkConformance } from '../kafka-sink/conformance.js';
import { openModelWorld } from './model-world.js';

// The model of Kafka that the simulation uses keeps what Kafka itself keeps: the same suite runs against a real broker in
// test/kafka-sink/.

sinkConformance("the model's sink", async () => openModelWorld());
