// QuickJS on a small Linux (a router, an industrial PC) with a serial line: a mote's readings play the sensor. What is not
// acknowledged is kept in a file.

import { fixed, producer, stream } from 'headwater';
import { flush } from 'headwater/flush';
import { tty } from 'headwater/links/quickjs-tty';
import { file } from 'headwater/stores/file-quickjs';
import { setTimeout } from 'os';
import { exit, loadFile } from 'std';

declare const scriptArgs: string[];
declare const print: (...what: unknown[]) => void;

const climate = stream('climate', { t: fixed(2), rh: fixed(2) });

const path = scriptArgs[1];
const everyMs = Number(scriptArgs[2] || 5000);
const readings = (loadFile('motes/readings.csv') || '').split('\n').slice(1);
if (!path || !readings.length)
  throw Error('qjs -m firmware.js /dev/ttyS1 [everyMs], beside motes/');

const hw = producer({
  device: 'mote-1',
  link: tty(path, 115200),
  store: file('headwater.journal', 65536),
});

let row = 0;
const sample = (): void => {
  const columns = (readings[row++] || '').split(',');
  if (columns.length < 5) {
    flush((all) => {
      print(all ? 'everything is acknowledged' : 'the rest is kept');
      exit(all ? 0 : 1);
    }, 60_000);
    return;
  }
  if (columns[1] === '1') {
    hw.send(climate, { t: Number(columns[4]), rh: Number(columns[3]) });
    setTimeout(sample, everyMs);
  } else sample();
};
sample();
