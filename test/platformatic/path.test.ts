// The whole path on @platformatic/kafka: the built proxy, without kafkajs, is killed while devices send; and a start that can't be.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { books } from '../site/judge.js';
import { killed, read } from '../site/killed.js';
import { spawnHeadwater } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { isClean, sentence } from '../site/verdict.js';
import { orSkip } from './library.js';

await orSkip(() => {
  const test = suite('the path on @platformatic/kafka');

  for (const delivery of ['exactly-once', 'at-least-once'] as const) {
    test(`${delivery}, and no kafkajs: the proxy is killed three times, and nothing is lost`, async () => {
      const modes = { ack: 'journal', client: 'platformatic', delivery } as const;
      const nodeFlags = ['--import', without('kafkajs')];
      const result = await killed(modes, async () => {}, { nodeFlags });
      const { received, committed, buffered, balanced } = books(result.proxy);
      const sum = [...result.sent.values()].reduce((all, { size }) => all + size, 0);
      assert.equal(
        { received, committed, buffered, balanced },
        { received: sum, committed: sum, buffered: 0, balanced: true },
      );
      assert.is(result.proxy.log.find(({ msg }) => msg === 'listening')?.client, 'platformatic');
      const verdict = read(result, delivery === 'at-least-once');
      assert.ok(isClean(verdict), sentence(verdict));
    });
  }

  test('where it is not installed the start says so in one line, and how to mend it', async () => {
    const site = await makeSite({ bootstrap: '127.0.0.1:1', label: 'absent' });
    const words = ['proxy', '--config', site.config, '--set', 'kafka.client=platformatic'];
    const { ended } = spawnHeadwater(words, {}, ['--import', without('@platformatic/kafka')]);
    const { code, complaint } = await ended;
    await site.remove();
    assert.is(code, 2, complaint);
    assert.match(
      complaint,
      /^[^\n]*site\.yaml: kafka\.client is platformatic, which is not installed: npm install @platformatic\/kafka@[\d.]+ beside headwater\n$/,
    );
  });

  test.run();
});

/** A Node that does not find this package, in none of its threads. */
function without(name: string): string {
  const hooks = `export function resolve(specifier, context, next) {
    if (specifier !== '${name}') return next(specifier, context);
    throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
  }`;
  const module = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
  return module(
    `import { register } from 'node:module'; register(${JSON.stringify(module(hooks))});`,
  );
}
