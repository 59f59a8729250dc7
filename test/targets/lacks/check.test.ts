import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../../targets/build.js';
import { BuildError } from '../../../targets/error.js';
import { lackTable, marks, page, tables } from '../../../targets/lacks/page.js';
import { projectFolder } from '../../kafka/jars.js';

// docs/TARGETS.md is what is tested: each row's example is built as a firmware and gets the row's message, with its place.

const head = `import { producer, stream, uint } from 'headwater';
declare const board: any;
const climate = stream('climate', { t: uint });
board.hw = producer({ device: 'a', link: board.link });
board.send = () => board.hw.send(climate, { t: 1 });
`;

async function messages(source: string, target: string, minify = true): Promise<string[]> {
  const entry = { source: head + source, folder: projectFolder };
  try {
    await buildFirmware({ entry, target, minify });
    return [];
  } catch (error) {
    if (error instanceof BuildError) return error.message.split('\n');
    throw error;
  }
}

for (const [target, lacks] of Object.entries(tables)) {
  test(`${target}: every row of docs/TARGETS.md is refused, with place, name and what to write`, async () => {
    const [open, close] = marks(target);
    const text = await readFile(page, 'utf8');
    const shown = text.slice(text.indexOf(open) + open.length, text.indexOf(close)).trim();
    assert.is(shown, lackTable(lacks), 'node dist/targets/lacks/page.js writes the tables');
    const rows = shown.split('\n').slice(2);
    for (const row of rows) {
      const [what, , instead, code] = row
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll(String.raw`\|`, '|'));
      const example = code!.slice(2, -2);
      const found = await messages(example, target);
      const expected = `  ${what}  →  ${instead}`;
      const said = found.filter((message) => message.endsWith(expected));
      assert.is(said.length, 1, `${example}\n${found.join('\n')}`);
      assert.match(said[0]!, /^firmware\.ts:6:\d+ {2}/);
      assert.equal(
        found.filter((message) => !said.includes(message)),
        [],
        `${what}: nothing else is said`,
      );
    }
  });
}

test('all of it at once, in the order of the text', async () => {
  const found = await messages('const [a] = board.x;\nboard.y(new Map(), a);\n', 'espruino');
  assert.is(found.length, 2);
  assert.match(found[0]!, /^firmware\.ts:6:7 {2}destructuring/);
  assert.match(found[1]!, /^firmware\.ts:7:13 {2}Symbol, Map/);
});

test('what Espruino does well is built', async () => {
  const fine = [
    'for (const c of "abc") board.show(c); for (const k in { a: 1 }) board.show(k);',
    'for (let i = 0; i < 3; i++) { const own = i; board.on(() => own); }',
    'const thing = { delete() { return 1; }, of: 2, static: 3, flat: () => 4 }; board.show(thing.delete(), thing.of, thing.flat());',
    "board.show(board.grid['flat'](), board.flat(), board.at(3));",
    'let timer: any; board.on(() => { if (timer) clearTimeout(timer); timer = setTimeout(board.go, 1); });',
    'board.show(typeof Map === "undefined", board.x?.y ?? 3, board.x ** 2);',
    'class A { m() { return 1; } } class B extends A { y = 2; z = this.y; constructor() { super(); } m() { return super.m(); } } board.show(new B());',
    'function even(n: number): boolean { return n ? odd(n - 1) : true; } function odd(n: number): boolean { return n ? even(n - 1) : false; } board.show(even(4));',
    'board.show(typeof Symbol !== "undefined" && Symbol.iterator);',
    'board.on(() => later()); const later = () => 1;',
    'board.show(/[\\/]/.test("/"), /^[ -~]+$/.test("a"));',
    'switch (board.id) { case 1: board.show(1); break; default: board.show(2); }',
    'board.reset = function () { this.length = 0; }; board.show(board.bytes.slice(0, 2));',
    'const list: number[] = []; list[5] = 1; board.show(list.length, list.slice(1), new Uint8Array(list).subarray(1));',
  ];
  for (const source of fine) {
    for (const minify of [true, false]) {
      assert.equal(await messages(source, 'espruino', minify), [], source);
    }
  }
});

test('require stays where the tools of Espruino look for it, and nothing stands in its place', async () => {
  const entry = {
    source: `${head}board.show(require('Storage'), require('DHT22'));`,
    folder: projectFolder,
  };
  const { code } = await buildFirmware({ entry, target: 'espruino', minify: true });
  assert.match(code, /require\("Storage"\),require\("DHT22"\)/);
  assert.not.match(code, /typeof require/);
});

test('a function that calls itself has its variables anew', async () => {
  const source =
    'function depth(n: number): number { if (n) return depth(n - 1); const end = 5; return end; } board.show(depth(3));';
  assert.equal(await messages(source, 'espruino'), []);
});

test('a minifier makes no name that Espruino takes for a keyword', async () => {
  // More variables in one scope than there are names of one letter, and of two.
  const names = Array.from({ length: 3500 }, (_, index) => `v${index}`);
  const lines = names.map((name) => `const ${name} = board.get(); board.put(${name}, ${name});`);
  const source = `board.big = function () { ${lines.join('\n')} };`;
  assert.equal(await messages(source, 'espruino'), []);
});

test('what is unused is no reason', async () => {
  assert.equal(await messages('function unused() { return new Map(); }', 'espruino'), []);
});

test('called while it runs, through other functions, before it is there', async () => {
  const found = await messages(
    'function first() { return second(); }\nboard.show(first());\nfunction second() { return 1; }',
    'espruino',
  );
  assert.is(found.length, 1);
  assert.match(found[0]!, /^firmware\.ts:7:12 {2}use before its definition/);
});

test('ES5: what is lowered has nothing newer in it', async () => {
  const source = `
    class Fan { speed = 1; constructor(public id = 'a') {} faster(by = 1) { this.speed += by; return this; } static make() { return new Fan(); } }
    class Turbo extends Fan { override faster() { return super.faster(3); } }
    const { speed, ...others } = new Turbo('t').faster();
    const [one, two] = [speed, ...board.list()];
    for (const c of 'abc') board.show(\`\${c}\${one}\`, two, others);
    for (let i = 0; i < 2; i++) board.on(() => i);
    const f = (...all: number[]) => Math.max(...all, board.x?.y ?? 2 ** 3);
    board.show(f(1, 2), Fan.make(), globalThis.other, { [board.id]: 1, get v() { return 1; } });`;
  for (const minify of [true, false]) {
    const entry = { source: head + source, folder: projectFolder };
    const { code } = await buildFirmware({ entry, target: 'es5', minify });
    assert.not.match(code, /=>|\b(let|const|class|Promise|DataView|Reflect)\b|`/);
  }
});

test.run();
