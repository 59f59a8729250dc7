import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lineOf } from '../../proxy/lines/list.js';
import { forPeople } from '../../proxy/log.js';
import { terminalText } from '../../proxy/terminal-text.js';

// What somebody else says, where a person reads it: no character of it does anything to their terminal.

const harm = '\x1b]0;owned\x07\x9b31m\u202eback';
const harmless = '\\u001b]0;owned\\u0007\\u009b31m\\u202eback';

test('characters that control a terminal, or turn what is read, are shown as JSON escapes them', () => {
  assert.is(terminalText(harm), harmless);
  assert.is(terminalText('21.5 °C, "a"\\n'), '21.5 °C, "a"\\n');
});

test('headwater ports: what an adapter calls itself', () => {
  const line = lineOf({ path: '/dev/ttyUSB0', usb: `0403:6001 ${harm}`, text: 'silent' });
  assert.is(line, `/dev/ttyUSB0      0403:6001 ${harmless}  silent`);
});

test('the log of a terminal: what a broker says', () => {
  const said = {
    level: 'warn',
    time: '2026-11-27T17:00:00.000Z',
    msg: `Kafka: ${harm}`,
    why: harm,
  };
  const line = forPeople(JSON.stringify(said), false);
  assert.is(line, `17:00:00.000 warn  Kafka: ${harmless} why=${harmless}\n`);
});

test.run();
