import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { bodies } from '../sdk/peer.js';
import { until } from '../site/until.js';
import { buildForEngine } from './build.js';
import { layCable } from './cable.js';
import { type Board, type Context, complete, firmware, firmwareSuite } from './firmware.js';
import { openPty } from './pty.js';

// The firmware suite on a real Espruino, from its Storage, and what only Espruino has: a console that shares the line.

const board = (binary: string): Board => ({
  name: `Espruino, ${binary}`,
  async serial(context) {
    const path = join(context.site.folder, 'line');
    const cable = layCable(await openPty(path), context.proxy.tcpPort);
    context.cables.push(cable);
    const link = `
import { serial } from 'headwater/links/espruino-serial';
const options = { path: '${path}' };
const link = serial(Serial1, 115200, options);
global.link = link;`;
    return { link, cable };
  },
  net: (_, port) => `
import { net } from 'headwater/links/espruino-net';
const link = net({ host: '127.0.0.1', port: ${port} });`,
  uncaught: /Uncaught .*/,

  /** Writes a firmware into Storage, and starts it from there; its console is the process's standard input and output. */
  async run({ site, children }: Context, source: string) {
    const start = async (name: string, text: string) => {
      await writeFile(join(site.folder, name), text);
      const child = spawn(binary, [name], { cwd: site.folder, stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    };
    const code = await buildForEngine(source, 'espruino');
    const chunks = code.match(/[\s\S]{1,500}/g) ?? [];
    const writes = chunks.map(
      (chunk, index) =>
        `s.write('firmware',${JSON.stringify(chunk)},${index * 500},${code.length});\n`,
    );
    await once(
      await start('upload.js', `var s=require('Storage');s.eraseAll();${writes.join('')}`),
      'close',
    );
    // Espruino for Linux ends when no timer is left.
    const child = await start(
      'start.js',
      "setInterval(function(){},1e6);eval(require('Storage').read('firmware'));",
    );
    const said = { text: '' };
    child.stdout.on('data', (chunk) => {
      said.text += chunk;
    });
    return said;
  },
});

export function espruinoSuite(binary: string): void {
  const espruino = board(binary);
  const test = firmwareSuite(espruino);

  test('how many variables it has', async (context) => {
    const said = await espruino.run(context, `print('variables ' + process.memory().total + ';');`);
    await until(() => /variables \d+;/.test(said.text));
    console.log(`\n  ${binary}: ${/variables (\d+);/.exec(said.text)?.[1]} variables`);
  });

  test('the console is away from the line while there is a producer', async (context) => {
    const { link, cable } = await espruino.serial(context);
    const said = await espruino.run(
      context,
      firmware(
        `${link}\nSerial1.setup(115200, options);\nSerial1.setConsole(true);\nprint('before');`,
        60,
      ),
    );
    await complete(context, 60);
    const heard = cable.fromDevice();
    assert.match(heard.toString('latin1'), 'before', 'it was there');
    const start = heard.indexOf(0);
    assert.ok(
      bodies(heard.subarray(start)).length > 3,
      'from the first frame on there are frames alone',
    );
    cable.pull();
    // A console takes what is typed; a link does not.
    cable.toDevice(Buffer.from('\nprint("typed "+6*7)\n'));
    await sleep(300);
    assert.not.match(cable.fromDevice().toString('latin1'), 'typed 42');
    assert.not.match(said.text, 'typed 42');
  });

  test('release() gives the console back to the line', async (context) => {
    const { link, cable } = await espruino.serial(context);
    await espruino.run(
      context,
      firmware(
        `${link}\nSerial1.setup(115200, options);\nSerial1.setConsole(true);
         setTimeout(() => link.release(), 2500);`,
        60,
      ),
    );
    await complete(context, 60);
    cable.pull();
    await until(() => {
      cable.toDevice(Buffer.from('\nprint("typed "+6*7)\n'));
      return /typed 42/.test(cable.fromDevice().toString('latin1'));
    });
  });

  test.run();
}
