import { crc32 } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { device } from '../device.js';
import { FlashModel } from './flash-model.js';
import { PowerSite } from './power-site.js';

// What flash() promises beside what power-cuts.test.ts shows: what it costs, how evenly it wears, what it leaves alone.

const chip = (sectors = 8, sectorBytes = 4096, alignBytes = 4) =>
  new FlashModel(sectorBytes, sectors, alignBytes, new Random(1));

test('flash written per payload byte, and erases in turn, once round and more', () => {
  const rows: string[] = [];
  for (const [bufferBytes, perBlock] of [
    [1024, 0],
    [1024, 5],
    [1024, 1],
    [256, 0],
  ] as const) {
    const flash = chip();
    const site = new PowerSite(5, flash, bufferBytes);
    site.boot();
    site.goOffline();
    for (let event = 1; event < 9_000; event++) {
      site.life.send();
      if (perBlock && event % perBlock === 0) site.advance(300);
    }
    const ratio = flash.bytesWritten / site.blockBytes;
    const bytes = site.blockBytes / site.blocks;
    rows.push(`blocks of ${bytes.toFixed(0)} B: ${ratio.toFixed(3)}`);
    if (bytes >= 200) assert.ok(ratio <= 1.1, `${ratio}`);
    assert.ok(Math.max(...flash.erases) - Math.min(...flash.erases) <= 1, `${flash.erases}`);
    assert.ok(Math.min(...flash.erases) > 1, 'it went round');
  }
  console.log(`flash written per payload byte: ${rows.join(', ')}`);
});

test('several boots offline arrive oldest first, and those behind the fourth too', () => {
  const site = new PowerSite(5, chip(16));
  for (let boot = 0; boot < 9; boot++) {
    site.boot();
    site.goOffline();
    for (let event = 0; event < 25; event++) site.life.send();
    site.advance(300);
  }
  site.drain();
  site.check(true);
  assert.is(site.arrived, 9 * 25);
});

test('an event that waits in the open block is in flash after lingerMs, with no session', () => {
  const site = new PowerSite(6, chip());
  site.boot();
  site.goOffline();
  site.life.send();
  assert.is(site.life.stored.size, 0);
  site.advance(299);
  assert.is(site.life.stored.size, 0);
  site.advance(1);
  assert.is(site.life.stored.size, 1);
});

test('keepOldest over flash: what comes is given up, and what acknowledgements free is used again', () => {
  const site = new PowerSite(7, chip(3, 1024), 512, (sdk, store) => sdk.keepOldest(store));
  site.boot();
  site.goOffline();
  for (let event = 0; event < 300; event++) site.life.send();
  site.advance(300);
  const { dropped } = site.life;
  assert.ok(dropped > 100 && dropped < 300, `${dropped}`);
  site.drain();
  site.goOffline();
  for (let event = 0; event < 20; event++) site.life.send();
  site.advance(300);
  assert.is(site.life.dropped, dropped, 'there is room again');
  site.drain();
  site.check(false);
  assert.is(site.arrived, 320 - dropped);
});

test('[S-2] a sector that is half erased does not bring back a boot that was forgotten', () => {
  let cuts = 0;
  for (let edge = 16; edge < 400; edge += 8) {
    const flash = chip(3, 1024);
    const site = new PowerSite(9, flash);
    site.boot();
    for (let event = 0; event < 3; event++) site.life.send();
    site.drain();
    site.boot();
    // The first boot is sent to its end again, and forgotten, in the sector where its blocks are.
    site.life.send();
    site.drain();
    flash.remains = (sector) => sector.fill(0xff, edge);
    // Once round: the first sector again.
    flash.cutErase = 4;
    for (let isCut = false; !isCut; ) {
      isCut = site.isCut(() => {
        site.life.send();
        site.advance(300);
      });
    }
    if (flash.cutIn === 'erase') cuts++;
    flash.powerUp();
    site.boot();
    site.life.send();
    site.drain();
    site.check(false);
  }
  assert.ok(cuts > 40, `${cuts} cuts`);
});

test('[W-2] a boot of which only a loss was sent has used its number', () => {
  const site = new PowerSite(10, chip());
  site.boot();
  site.life.send();
  site.drain();
  site.boot();
  site.life.accepted.push(false);
  assert.is(site.life.sdk.sendUndeclared('note', 'x'.repeat(999)), false);
  site.drain();
  site.boot();
  site.goOffline();
  for (let event = 0; event < 3; event++) site.life.send();
  site.advance(300);
  site.drain();
  site.check(true);
  assert.is(site.arrived, 4);
});

test('what a newer format left is not touched, and there is no store', () => {
  const flash = chip(2);
  const site = new PowerSite(8, flash);
  site.boot();
  site.life.send();
  site.advance(300);
  // The head says format 2, with its check.
  flash.bytes[3] = 2;
  assert.is.not(device().sdk.flash(flash), undefined, 'a head with a wrong check is no head');
  const head = Buffer.from(flash.bytes.subarray(0, 16));
  head.writeUInt32BE(crc32(head.subarray(0, 12)), 12);
  flash.bytes.set(head);
  const before = Buffer.from(flash.bytes);
  const other = device();
  const stream = other.sdk.stream('origin', { n: other.sdk.uint });
  const refused = other.sdk.flash(flash);
  assert.is(refused, undefined);
  const hw = other.sdk.producer({
    device: 'press-07',
    link: other.link,
  });
  assert.is(hw.send(stream, { n: 1 }), 'ram');
  assert.ok(before.equals(Buffer.from(flash.bytes)));
});

test.run();
