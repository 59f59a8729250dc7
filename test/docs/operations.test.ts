// docs/OPERATIONS.md: what it tells an operator to type is what the command takes, and what it says of moving a journal holds.

import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('docs/OPERATIONS.md');
const sites: Site[] = [];
const proxies: ProxyProcess[] = [];

test.after.each(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill()));
  await Promise.all(sites.splice(0).map((site) => site.remove()));
});

async function commands(): Promise<string[]> {
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);
  return blocks.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

test('each headwater command has the options that the page gives it', async () => {
  const ours = (await commands()).filter((line) => line.startsWith('headwater '));
  assert.ok(ours.length >= 2);
  for (const line of ours) {
    const words = line.split(' ').slice(1);
    const verb = words.slice(
      0,
      words.findIndex((word) => word.startsWith('-')),
    );
    const { code, output } = await runHeadwater([...verb, '--help']);
    assert.is(code, 0, line);
    for (const word of words) if (word.startsWith('--')) assert.ok(output.includes(word), line);
  }
});

test('what it quotes of refusals is what the proxy says', async () => {
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const rows = page.slice(page.indexOf('## Refused at the start')).matchAll(/^\| (`.*?) \|/gm);
  const files = await readdir(join(projectFolder, 'proxy'), { recursive: true });
  let source = '';
  for (const name of files.filter((file) => file.endsWith('.ts'))) {
    source += await readFile(join(projectFolder, 'proxy', name), 'utf8');
  }
  // As it is read: texts that go over a line's end are one, and what is filled in is left open.
  const said = source.replace(/['`] \+\s+['`]/g, '').replace(/\$\{[^}]*\}/g, '…');
  let quotes = 0;
  for (const [, cell = ''] of rows) {
    for (const [, quote = ''] of cell.matchAll(/`(.*?)`/g)) {
      quotes++;
      const text = quote.replace(/\b[01]\b/g, '…').replace(/ ?…$/, '');
      assert.ok(said.includes(text), quote);
    }
  }
  assert.ok(quotes > 12);
});

test('a journal that was copied while its proxy stood goes on elsewhere, where it was', async () => {
  const old = await makeSite({ bootstrap: null, label: 'old-box' });
  sites.push(old);
  const first = await startProxy(old.config);
  proxies.push(first);
  const sensor = await startSensor({ port: first.tcpPort });
  await until(() => sensor.acknowledged() > 5);
  assert.ok(await sensor.finish());
  sensor.stop();
  const events = sensor.sent.size;
  assert.is(await first.stop(), 0);

  const next = await makeSite({ bootstrap: null, label: 'new-box' });
  sites.push(next);
  await cp(old.folder, next.folder, { recursive: true });
  const text = await readFile(old.config, 'utf8');
  await rm(old.folder, { recursive: true });
  await writeFile(next.config, text.replaceAll(old.folder, next.folder));
  const second = await startProxy(next.config);
  proxies.push(second);
  assert.is(await second.metric('headwater_events_received_total'), events);
  assert.is(await second.stop(), 0);
});

test('the proxy answers what the page asks it', async () => {
  const site = await makeSite({ bootstrap: null, label: 'asked' });
  sites.push(site);
  const proxy = await startProxy(site.config);
  proxies.push(proxy);
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const asked = [...page.matchAll(/^ {4}curl -s http:\/\/127\.0\.0\.1:4511(\/\w+)/gm)];
  assert.ok(asked.length >= 2);
  for (const [, path = ''] of asked) {
    const answer = await fetch(`http://127.0.0.1:${proxy.httpPort}${path}`);
    assert.is(answer.status, 200, path);
  }
});

test.run();
