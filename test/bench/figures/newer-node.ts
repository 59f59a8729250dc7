// The same path through @platformatic/kafka on the newest Node, beside that client alone there, and beside bare kafkajs on this one.

import { ensureNode24 } from '../../node-24.js';
import { type Figure, ratio, spread, values } from './figure.js';
import { throughputOfProxy, throughputOfRaw } from './throughput.js';

const client = 'platformatic';

export const newerNode: Figure = {
  name: 'newer-node',
  about: 'device frames into Kafka with kafka.client: platformatic on Node 24',
  async measure(scene) {
    const program = await ensureNode24(scene.say);
    const raw = await throughputOfRaw(scene, 'exactly-once', { client, program });
    const exact = await throughputOfProxy(scene, { delivery: 'exactly-once', client, program });
    const kafkajs = await throughputOfRaw(scene, 'idempotent');
    return {
      ...{ exact: exact.perSecond, exactUs: exact.cpuUs },
      ...{ raw: raw.perSecond, rawUs: raw.cpuUs, kafkajs: kafkajs.perSecond },
    };
  },
  lines(samples) {
    const of = (name: string, digits?: number) => spread(values(samples, name), digits);
    const [toRaw, toKafkajs] = [ratio(samples, 'exact', 'raw'), ratio(samples, 'exact', 'kafkajs')];
    return [
      {
        what: 'events/s, platformatic on Node 24, exactly-once',
        measured: `${of('exact')}, ${of('exactUs', 1)} µs of CPU each`,
        reference:
          `bare platformatic, exactly-once ${of('raw')}, ${of('rawUs', 1)} µs; ` +
          `bare kafkajs on Node 20, idempotent ${of('kafkajs')}`,
        goal: `≥ 0.85 × the first: ${toRaw.toFixed(2)}; ≥ 1.3 × the second: ${toKafkajs.toFixed(2)}`,
        isMet: toRaw >= 0.85 && toKafkajs >= 1.3,
      },
    ];
  },
};
