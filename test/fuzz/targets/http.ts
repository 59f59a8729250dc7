import { connect } from 'node:net';
import fc from 'fast-check';
import { type HttpServer, startHttp } from '../../../proxy/http/server.js';
import { bytesOf } from '../arbitraries.js';
import { check, type Subject, type Target } from '../target.js';

// The operator's port: bytes to a server as it runs, on a real socket.

const text = (one: string) => new Uint8Array(Buffer.from(one, 'latin1'));
/** A deadline only ends a hang: the server's own for a request is 10 s. */
const hangMs = 30_000;

async function ask(port: number, bytes: Uint8Array): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    socket.setTimeout(hangMs, () => reject(new Error('no answer, and not closed')));
    socket.on('data', (chunk) => chunks.push(chunk));
    // A reset is an answer too: the server does not read on behind what it refuses.
    socket.on('error', () => {});
    socket.on('close', () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
    socket.end(bytes);
  });
}

class HttpSubject implements Subject {
  readonly #server: HttpServer;
  #runs = 0;

  constructor(server: HttpServer) {
    this.#server = server;
  }

  async run(input: Uint8Array): Promise<string> {
    const { port } = this.#server;
    const answer = await ask(port, input);
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => status!);
    check(answer === '' || statuses.length > 0, 'an answer that is no HTTP');
    check(!/\n\s+at .+:\d+:\d+/.test(answer), 'a stack trace went out');
    if (++this.#runs % 50 === 0) {
      const health = await ask(port, text('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n'));
      check(health.includes(' 200 ') && health.includes('ok\n'), 'it is not healthy any more');
    }
    return [...new Set(statuses)].join(' ');
  }

  end(): Promise<void> {
    return this.#server.close();
  }
}

const path = fc.oneof(
  fc.constantFrom(
    '/metrics',
    '/healthz',
    '/readyz',
    '/',
    '/dead-letters',
    '*',
    '//',
    '/metrics?%',
    '',
  ),
  fc.string({ maxLength: 20 }),
);
const header = fc.tuple(
  fc.constantFrom(
    'host',
    'content-length',
    'transfer-encoding',
    'expect',
    'connection',
    'upgrade',
    'x',
  ),
  fc.oneof(
    fc.constantFrom('a', '5', '-1', 'chunked', '100-continue', 'keep-alive', 'upgrade', '9e9'),
    fc.string({ maxLength: 40 }),
  ),
);
const request = fc
  .tuple(
    fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'CONNECT', 'OPTIONS', 'PRI', 'GET '),
    path,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 '),
    fc.array(header, { maxLength: 4 }),
    fc.oneof(
      fc.constant(''),
      fc.constantFrom('5\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffffff\r\n', 'hello'),
    ),
  )
  .map(([method, where, version, headers, body]) => {
    const rows = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return text(`${method} ${where} ${version}\r\n${rows}\r\n${body}`);
  });

export const httpTarget: Target = {
  name: 'http',
  checks:
    'an answer of HTTP without a stack trace, or a closed connection; /healthz answers all the while',
  arbitrary: fc
    .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), bytesOf(4))
    .map(([requests, more]) => new Uint8Array(Buffer.concat([...requests, more]))),
  seeds: () => [
    { name: 'metrics', bytes: text('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n') },
    {
      name: 'a POST',
      bytes: text(
        'POST /dead-letters HTTP/1.1\r\nhost: a\r\nauthorization: Bearer of-sixteen-characters-or-more\r\ncontent-length: 2\r\n\r\nhi',
      ),
    },
    { name: 'half a request', bytes: text('GET /readyz HT') },
    { name: 'another protocol', bytes: Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc) },
  ],
  fresh: async () =>
    new HttpSubject(
      await startHttp({
        ...{ host: '127.0.0.1', port: 0 },
        metrics: async () => ({ contentType: 'text/plain', text: 'a 1\n' }),
        trouble: () => [],
        remarks: () => ['lane 0 is held'],
        post: {
          token: 'of-sixteen-characters-or-more',
          act: async (where, query) => ({
            status: 200,
            text: `${where.length} ${[...query].length}`,
          }),
        },
      }),
    ),
};
