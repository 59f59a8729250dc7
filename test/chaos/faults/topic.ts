import { setTimeout as sleep } from 'node:timers/promises';
import { deleteTopic } from '../../kafka/topics.js';
import { type Fault, healed } from '../fault.js';

// A topic that is deleted under load and made again. What it held was counted before, while the proxy was
// stopped: nothing that Kafka committed there is missing from the count.

export const topic: Fault = {
  name: 'topic-delete',
  about: 'a topic is deleted, and made again after 0.2 to 4 s',
  async inject(scene, random) {
    const name = random.pick(scene.topics.slice(0, 2));
    const proxy = scene.running;
    proxy.signal('SIGSTOP');
    await scene.harvest([name]);
    await deleteTopic(scene.bootstrap, name);
    proxy.signal('SIGCONT');
    await sleep(200 + random.below(4_000));
    return async () => {
      await scene.createTopics([name]);
      return healed();
    };
  },
};
