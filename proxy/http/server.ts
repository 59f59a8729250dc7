// What an operator's tools ask: /metrics (Prometheus), /healthz (the process answers), /readyz (devices
// are acknowledged, with a line for each thing that is in the way). Loopback unless configured otherwise.

import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpServer {
  port: number;
  close(): Promise<void>;
}

export interface HttpOptions {
  host: string;
  port: number;
  /** The metrics page, in Prometheus's text format. */
  metrics(): Promise<{ contentType: string; text: string }>;
  /** What is in the way of acknowledging devices, a line each; none: ready. */
  trouble(): string[];
  /** What is in the way of delivery; said at /readyz and does not make the proxy unready. */
  remarks(): string[];
  /** What changes something. Absent: only GET. */
  post?: HttpPost;
}

export interface HttpPost {
  /** That whoever asks must show, as `authorization: Bearer TOKEN`; null: nobody may. */
  token: string | null;
  /** The status and a line to say. */
  act(path: string, query: URLSearchParams): Promise<{ status: number; text: string }>;
}

export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const [path = '', query] = (request.url ?? '').split('?');
    if (request.method === 'POST' && options.post !== undefined) {
      const refusal = refusalOf(options.post, request.headers.authorization);
      if (refusal !== null) {
        answer(response, refusal.status, `${refusal.text}\n`);
        return;
      }
      options.post.act(path, new URLSearchParams(query)).then(
        ({ status, text }) => answer(response, status, `${text}\n`),
        (error: Error) => answer(response, 500, `${error.message}\n`),
      );
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'only GET\n');
    } else if (path === '/metrics') {
      options.metrics().then(
        ({ contentType, text }) => answer(response, 200, text, contentType),
        (error: Error) => answer(response, 500, `${error.message}\n`),
      );
    } else if (path === '/healthz') {
      answer(response, 200, 'ok\n');
    } else if (path === '/readyz') {
      const trouble = options.trouble();
      const lines = [...trouble, ...options.remarks()];
      answer(response, trouble.length === 0 ? 200 : 503, `${lines.join('\n') || 'ready'}\n`);
    } else {
      answer(response, 404, 'there are /metrics, /healthz and /readyz\n');
    }
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function listen(server: Server, { host, port }: HttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** A page in a browser of this machine reaches loopback as well as its user does, and has no token. */
function refusalOf(
  { token }: HttpPost,
  authorization = '',
): { status: number; text: string } | null {
  if (token === null) return { status: 403, text: 'no token is configured: set http.token' };
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const isRight = timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
  return isRight ? null : { status: 401, text: 'a token is wanted: authorization: Bearer TOKEN' };
}

/** What a device says may stand in an answer: no browser is to take it for more than text. */
const headers = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cache-control': 'no-store',
};

function answer(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { ...headers, 'content-type': contentType });
  response.end(text);
}
