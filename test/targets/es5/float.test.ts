import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../../targets/build.js';
import { projectFolder } from '../../kafka/jars.js';
import { Random } from '../../random.js';
import { encoded } from '../../sdk/float-oracle.js';
import { engines, missing } from './engine.js';

// Floats and undeclared values in engines without a DataView, byte for byte as DataView has them.

const source = `
import { float, producer, stream } from 'headwater';
import { at, writeTo } from 'headwater/cbor';
import { putFloat } from 'headwater/float';
import { sendUndeclared } from 'headwater/undeclared';
declare const board: any;
const reading = stream('reading', { v: float });
const hw = producer({ device: 'a', link: board.link });
board.send = (v: number) => hw.send(reading, { v });
board.note = (value: any) => sendUndeclared('note', value);
board.hex = (value: number) => {
  const bytes = new Uint8Array(16);
  writeTo(bytes, 0);
  putFloat(value);
  let text = '';
  for (let index = 0; index < at; index++) text += (bytes[index]! + 256).toString(16).slice(1);
  return text;
};
`;
const { code } = await buildFirmware({
  entry: { source, folder: projectFolder },
  target: 'es5',
  minify: true,
});

const random = new Random(23);
const view = new DataView(new ArrayBuffer(8));
const values = [-0, 0, Infinity, -Infinity, 5e-324, -5e-324, 2 ** -24, 65504, 65520, 1e300];
for (let count = 0; count < 200; count++) {
  view.setUint32(0, random.below(2 ** 32));
  view.setUint32(4, random.below(2 ** 32));
  values.push(view.getFloat32(0), view.getFloat64(0), random.below(4096) / 64);
}

/** A number by whole ones and powers of 2: what MuJS reads of many digits is off by one in the last place. */
function written(value: number): string {
  if (!Number.isFinite(value)) return `${Math.sign(value)} / 0`;
  view.setFloat64(0, value);
  const [upper, lower] = [view.getUint32(0), view.getUint32(4)];
  const biased = (upper >>> 20) & 2047;
  const high = (upper & 0xfffff) + (biased > 0 ? 1048576 : 0);
  const exponent = Math.max(biased, 1) - 1075;
  const first = Math.trunc(exponent / 2);
  const powers = `Math.pow(2, ${first}) * Math.pow(2, ${exponent - first})`;
  return `${upper >>> 31 ? '-' : ''}(${high} * 4294967296 + ${lower}) * ${powers}`;
}

for (const [name, start] of Object.entries(engines)) {
  const reason = missing(name);
  if (reason !== null) {
    console.log(reason);
    continue;
  }
  test(`${name}: floats as DataView has them, and undeclared values`, async () => {
    const engine = await start(code);
    try {
      for (const value of values.filter((each) => !Number.isNaN(each))) {
        const text = written(value);
        assert.equal(await engine.run(`print(board.hex(${text}))`), [encoded(value)], text);
      }
      assert.equal(
        await engine.run("print(board.send(1.1)); print(board.note({ a: [1.5, 'b'] }))"),
        ['ram', 'ram'],
      );
    } finally {
      await engine.stop();
    }
  });
}

test.run();
