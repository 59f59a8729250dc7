import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { proveLink } from '../../../sdk/link-conformance.js';
import { nodeStream } from '../../../sdk/links/node-stream.js';
import { buildFirmware } from '../../../targets/build.js';
import { runFirmware } from '../../../targets/quickjs-host.js';
import { projectFolder } from '../../kafka/jars.js';
import { tcpFarEnd } from './tcp-far-end.js';

// The links that need no terminal, against the conformance test, over real sockets: node-stream, and the link that
// targets/quickjs-host.ts lends to a firmware, tried from inside the engine.

test('node-stream over TCP', async () => {
  const { far, connect, close } = await tcpFarEnd();
  assert.equal(await proveLink({ link: () => nodeStream(connect), far }), []);
  await close();
});

test("the QuickJS host's link, tried inside the engine", async () => {
  const { far, connect, close } = await tcpFarEnd();
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
