import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey } from '../../../proxy/auth/registry-changes.js';
import {
  type KeyEntry,
  keysText,
  keyTrouble,
  parseKeys,
} from '../../../proxy/auth/registry-text.js';

const test = suite("the registry's text");

const addedMs = Date.UTC(2026, 10, 27, 17);
const head = '{"headwater":"keys","version":1}';
const key = '0123456789abcdefGHIJ_-KLMNOPQRST';
const other = 'zyxwvutsrqponmlkJIHG_-FEDCBA9876';
const added = '"added":"2026-11-27T17:00:00Z"';
const until = '"until":"2026-12-04T17:00:00Z"';

function entry(device: string, untilMs: number | null = null): KeyEntry {
  return { device, key: newKey(), addedMs, untilMs };
}

function mistakes(...lines: string[]): string[] {
  const found = parseKeys([head, ...lines].join('\n')).mistakes;
  return found.map(({ line, text }) => `${line}: ${text}`);
}

test('what is written is read: names of all that may be in one, and a rotation', () => {
  const entries = [
    entry('press-07'),
    entry('press-07', addedMs + 1),
    entry(' "quoted" \\ \'name\' //{} '),
    entry(
      String.fromCharCode(...Array.from({ length: 64 }, (_, index) => 32 + index + (index && 31))),
    ),
  ].filter(({ device }) => /^[ -~]{1,64}$/.test(device));
  assert.equal(parseKeys(keysText(entries)), { entries, mistakes: [] });
  assert.equal(parseKeys(keysText([])), { entries: [], mistakes: [] });
});

test('a hand may leave empty lines, another order, other spaces and the ends of lines of Windows', () => {
  const text = [
    head,
    '',
    `{ "device": "b", "key": "${other}", ${added}, ${until} }`,
    `{"key":"${key}",${added},"device":"b"}`,
    '',
  ];
  const { entries, mistakes } = parseKeys(text.join('\r\n'));
  assert.equal(mistakes, []);
  assert.equal(
    entries.map(({ device, untilMs }) => [device, untilMs]),
    [
      ['b', Date.UTC(2026, 11, 4, 17)],
      ['b', null],
    ],
  );
});

test('each mistake is said with its line', () => {
  const form = 'expected {"device": …, "key": …, "added": …} and perhaps "until"';
  const twin = newKey();
  assert.equal(
    mistakes(
      'nonsense',
      '[]',
      'null',
      `{"device":"a","key":"${newKey()}",${added},"note":""}`,
      `{"device":"ü","key":"${newKey()}",${added}}`,
      `{"device":"c","key":7,${added}}`,
      `{"device":"d","key":"short",${added}}`,
      `{"device":"e","key":"${newKey()}","added":"2026-02-30T00:00:00Z"}`,
      `{"device":"e","key":"${newKey()}"}`,
      `{"device":"f","key":"${newKey()}",${added},"until":null}`,
      `{"device":"g","key":"${twin}",${added}}`,
      `{"device":"h","key":"${twin}",${added}}`,
      `{"device":"i","key":"${newKey()}",${added}}`,
      `{"device":"i","key":"${newKey()}",${added}}`,
      `{"device":"i","key":"${newKey()}",${added},${until}}`,
      `{"device":"i","key":"${newKey()}",${added},${until}}`,
      `{"device":"j","key":"${newKey()}",${added},${until}}`,
    ),
    [
      `2: ${form}`,
      `3: ${form}`,
      `4: ${form}`,
      `5: ${form}`,
      '6: device: expected 1 to 64 characters of printable ASCII',
      '7: key: expected a text',
      '8: key: expected 16 to 64 letters, digits and + / = _ . ~ : -',
      '9: added: expected a time as 2026-11-27T17:00:00Z',
      '10: added: expected a time as 2026-11-27T17:00:00Z',
      '11: until: expected a time as 2026-11-27T17:00:00Z',
      '13: the key of line 12 again: who has one would have both',
      '15: the device has a key without until already, at line 14',
      '17: the device has a key with until already, at line 16',
      '18: the device has only a key that ends: one of its lines has no until',
    ],
  );
});

test('a file that is none, is empty, or is of another version is told apart', () => {
  const said = (text: string) => parseKeys(text).mistakes.map((one) => one.text);
  assert.match(said('')[0]!, /^this is no registry of keys: it begins with \{"headwater"/);
  assert.match(said('site: press-hall\n')[0]!, /^this is no registry of keys/);
  assert.match(
    said('{"headwater":"keys","version":2}\nwhatever')[0]!,
    /^it was written by another version of headwater: this one reads version 1$/,
  );
});

test('no mistake repeats what may be a key', () => {
  const lines = [
    `{"device":"a","key":"${key}"`,
    `${key}`,
    `{"device":"${key}ü","key":"${key}"}`,
    `{"device":"a","key":"${key}!",${added}}`,
    `{"device":"a","key":"${key}",${added},"${key}":1}`,
    `{"device":"b","key":"${key}","added":"${key}"}`,
    `{"device":"b","key":["${key}"],${added}}`,
    `{"device":"${key}","key":"press-07",${added}}`,
  ];
  const said = [
    ...mistakes(...lines),
    ...parseKeys(`${key}\n`).mistakes.map(({ text }) => text),
  ].join('\n');
  assert.is(said.split('\n').length, lines.length + 1);
  for (let at = 0; at + 6 <= key.length; at++) {
    assert.not.ok(said.includes(key.slice(at, at + 6)), said);
  }
});

test('a key is what firmware takes as it is, and no word repeated', () => {
  for (let count = 0; count < 200; count++) assert.is(keyTrouble(newKey()), null);
  assert.match(newKey(), /^[A-Za-z0-9_-]{32}$/);
  assert.is(keyTrouble('7d8a5c0e-2f1b-4d6a-9e3c-5b7f1a2d4c6e'), null);
  for (const bad of ['', 'a'.repeat(15), 'a'.repeat(65), `${key}'`, `${key}\\`, `${key} `]) {
    assert.match(keyTrouble(bad)!, /^16 to 64/, bad);
  }
  assert.match(keyTrouble('1234123412341234')!, /^at least 8 different characters/);
});

test.run();
