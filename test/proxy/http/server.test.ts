import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startHttp } from '../../../proxy/http/server.js';

async function ask(port: number, path: string, method = 'GET') {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: answer.status, text: await answer.text() };
}

test('health, readiness and metrics', async () => {
  let trouble: string[] = [];
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    metrics: async () => ({ contentType: 'text/plain', text: 'a 1\n' }),
    trouble: () => trouble,
    remarks: () => ['lane 0 is held: topic x is missing'],
  });
  const { port } = server;
  assert.equal(await ask(port, '/healthz'), { status: 200, text: 'ok\n' });
  assert.equal(await ask(port, '/metrics?x=1'), { status: 200, text: 'a 1\n' });
  assert.is((await ask(port, '/readyz')).status, 200);
  trouble = ['the journal is full'];
  const unready = await ask(port, '/readyz');
  assert.is(unready.status, 503);
  assert.is(unready.text, 'the journal is full\nlane 0 is held: topic x is missing\n');
  assert.is((await ask(port, '/')).status, 404);
  assert.is((await ask(port, '/metrics', 'POST')).status, 405);
  await server.close();
});

test('a port in use is an error of the start', async () => {
  const options = {
    host: '127.0.0.1',
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    trouble: () => [],
    remarks: () => [],
  };
  const first = await startHttp({ ...options, port: 0 });
  try {
    await startHttp({ ...options, port: first.port });
    assert.unreachable();
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
  }
  await first.close();
});

test.run();
