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

test('what changes something wants its token, and nothing that is said runs in a browser', async () => {
  const asked: string[] = [];
  const open = (token: string | null) =>
    startHttp({
      ...{ host: '127.0.0.1', port: 0, trouble: () => ['<script>alert(1)</script>'] },
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      remarks: () => [],
      post: {
        token,
        async act(path) {
          asked.push(path);
          return { status: 200, text: 'done' };
        },
      },
    });
  const server = await open('a-token-of-some-length');
  const post = async (port: number, authorization?: string) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    return (await fetch(`http://127.0.0.1:${port}/x`, { method: 'POST', headers })).status;
  };
  assert.is(await post(server.port), 401);
  assert.is(await post(server.port, 'Bearer a-token-of-some-lengt'), 401);
  assert.is(await post(server.port, 'a-token-of-some-length'), 401);
  assert.equal(asked, []);
  assert.is(await post(server.port, 'Bearer a-token-of-some-length'), 200);
  assert.equal(asked, ['/x']);
  const page = await fetch(`http://127.0.0.1:${server.port}/readyz`);
  assert.is(page.headers.get('x-content-type-options'), 'nosniff');
  assert.match(page.headers.get('content-type') ?? '', /^text\/plain/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  await server.close();
  const untold = await open(null);
  assert.is(await post(untold.port, 'Bearer null'), 403);
  await untold.close();
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
