import net, { type AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FarEnd, proveLink } from '../../../sdk/link-conformance.js';
import { nodeStream } from '../../../sdk/links/node-stream.js';
import { buildFirmware } from '../../../targets/build.js';
import { runFirmware } from '../../../targets/quickjs-host.js';
import { projectFolder } from '../../kafka/jars.js';

// The links that need no terminal, against the conformance test, over real sockets: node-stream, and the link that
// targets/quickjs-host.ts lends to a firmware, tried from inside the engine.

/** A TCP port as the far end. */
async function tcp() {
  let socket: net.Socket | undefined;
  let bytes = Buffer.alloc(1 << 20);
  let length = 0;
  let stalls = false;
  let refuses = false;
  const server = net.createServer((connection) => {
    socket = connection;
    if (stalls) connection.pause();
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      if (length + chunk.length > bytes.length)
        bytes = Buffer.concat([bytes, Buffer.alloc(length)]);
      chunk.copy(bytes, length);
      length += chunk.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const far: FarEnd = {
    send: (data) => void socket?.write(data),
    arrived: () => bytes.subarray(0, length),
    cut: () => void socket?.resetAndDestroy(),
    refuse(value) {
      refuses = value;
    },
    stall(value) {
      stalls = value;
      if (stalls) socket?.pause();
      else socket?.resume();
    },
  };
  return {
    far,
    /** Port 1: nobody listens there. */
    connect: () => net.connect(refuses ? 1 : port, '127.0.0.1'),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

test('node-stream over TCP', async () => {
  const { far, connect, close } = await tcp();
  assert.equal(await proveLink({ link: () => nodeStream(connect), far }), []);
  await close();
});

test("the QuickJS host's link, tried inside the engine", async () => {
  const { far, connect, close } = await tcp();
  const source = `
    import { checkLink } from 'headwater/link-conformance';
    const { link, send, length, bytes, cut, refuse, told } = board;
    let held = [];
    const far = {
      send: (data) => send(Array.from(data).join()),
      arrived() {
        if (length() > held.length) held = held.concat(bytes(held.length).split(',').map(Number));
        return held;
      },
      cut, refuse,
    };
    checkLink({ link: () => link, far }).then((checks) => told(JSON.stringify(checks)));
  `;
  const entry = { source, folder: projectFolder };
  const { code } = await buildFirmware({ entry, target: 'quickjs', minify: false });
  const checks = await new Promise<{ name: string; failed?: string; skipped?: string }[]>(
    (resolve, reject) => {
      void runFirmware({
        code,
        connect,
        board: {
          send: (text) => void far.send(Uint8Array.from(`${text}`.split(',').map(Number))),
          length: () => far.arrived().length,
          bytes: (from) => Array.prototype.slice.call(far.arrived(), Number(from)).join(),
          cut: () => void far.cut?.(),
          refuse: (value) => void far.refuse?.(value === true),
          told: (text) => void resolve(JSON.parse(`${text}`)),
        },
        onError: reject,
      });
    },
  );
  assert.ok(checks.length >= 12);
  assert.equal(
    checks.filter(({ failed }) => failed !== undefined),
    [],
  );
  // A socket holds megabytes before it is full, each byte of which would cross into the engine and back.
  assert.is(checks.filter(({ skipped }) => skipped?.includes('stall')).length, 2);
  await close();
});

test.run();
