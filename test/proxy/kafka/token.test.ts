// A token is asked of a real endpoint on this machine, as an identity provider answers.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SinkError } from '../../../proxy/kafka/sink.js';
import { clientCredentials, fileToken } from '../../../proxy/kafka/token.js';

const test = suite('tokens');
let server: Server;
let endpoint = '';
let asked: { authorization: string; form: string }[] = [];
let answer: (request: IncomingMessage) => { status?: number; body: unknown } = () => ({ body: {} });
const secret = 'rain & + thunder: 100%';

test.before(async () => {
  server = createServer(async (request, response) => {
    let form = '';
    for await (const chunk of request) form += chunk;
    asked.push({ authorization: request.headers.authorization ?? '', form });
    const { status = 200, body } = answer(request);
    response.writeHead(status, { location: '/elsewhere' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
});

test.before.each(() => {
  asked = [];
});

test.after(() => {
  server.close();
});

const source = (more = {}) =>
  clientCredentials({ endpoint, clientId: 'press hall', clientSecret: () => secret, ...more });

async function failure(promise: Promise<unknown>): Promise<SinkError> {
  const error = await promise.then(
    () => null,
    (why: unknown) => why,
  );
  assert.instance(error, SinkError);
  assert.not.match((error as SinkError).message, 'thunder');
  return error as SinkError;
}

test('the credentials are said as RFC 6749 has it, once for all who wait', async () => {
  answer = () => ({ body: { access_token: 'abc.def', expires_in: 3600 } });
  const token = source({ scope: 'kafka write' });
  assert.equal(await Promise.all([token(), token()]), ['abc.def', 'abc.def']);
  assert.is(await token(), 'abc.def');
  assert.is(asked.length, 1);
  const basic = Buffer.from((asked[0]?.authorization ?? '').slice(6), 'base64').toString();
  assert.is(basic, 'press+hall:rain+%26+%2B+thunder%3A+100%25');
  assert.is(asked[0]?.form, 'grant_type=client_credentials&scope=kafka+write');
});

test('a new one is asked for before the old one is over; one without an end is used once', async () => {
  let number = 0;
  answer = () => ({ body: { access_token: `t${++number}`, expires_in: 0.05 } });
  const short = source();
  const first = await short();
  while ((await short()) === first) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(await source()(), `t${number}`);
  answer = () => ({ body: { access_token: `u${++number}` } });
  const endless = source();
  assert.is.not(await endless(), await endless());
});

test('what the endpoint refuses is ours to mend; what it can not do now is waited for', async () => {
  answer = () => ({ status: 401, body: { error: 'invalid_client', error_description: secret } });
  const refused = await failure(source()());
  assert.is(refused.kind, 'misconfigured');
  assert.is(
    refused.message,
    `the token endpoint ${endpoint} gives no token (401 invalid_client): see clientId, clientSecret and scope of kafka.sasl`,
  );
  answer = () => ({ status: 503, body: {} });
  assert.is((await failure(source()())).kind, 'unreachable');
  answer = () => ({ body: { access_token: 'two words' } });
  assert.is((await failure(source()())).kind, 'misconfigured');
  // The next call asks again.
  answer = () => ({ body: { access_token: 'fine', expires_in: 60 } });
  assert.is(await source()(), 'fine');
});

test('a redirect does not get the secret; an endpoint that is away is named', async () => {
  answer = () => ({ status: 302, body: {} });
  assert.is((await failure(source()())).kind, 'unreachable');
  assert.is(asked.length, 1);
  const away = await failure(source({ endpoint: 'http://127.0.0.1:1/token' })());
  assert.is(away.kind, 'unreachable');
  assert.match(
    away.message,
    /^the token endpoint http:\/\/127\.0\.0\.1:1\/token does not answer \(.+\)$/,
  );
});

test('a token in a file is read anew each time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-token-'));
  const path = join(folder, 'token');
  const token = fileToken({ name: 'kafka.sasl.tokenFile', path });
  const gone = await failure(token());
  assert.is(gone.message, `kafka.sasl.tokenFile: ${path}: there is no such file`);
  await writeFile(path, 'one\n');
  assert.is(await token(), 'one');
  await writeFile(path, 'two');
  assert.is(await token(), 'two');
  await writeFile(path, '<html>');
  assert.match((await failure(token())).message, 'holds no token');
  await rm(folder, { recursive: true });
});

test.run();
