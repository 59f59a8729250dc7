// The count against every way in which an event can be amiss: each is found, and named.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Ledger } from '../../../examples/load-simulator/ledger.js';
import type { Page } from '../../../examples/load-simulator/page.js';
import { judge } from '../../../examples/load-simulator/verdict.js';

const test = suite('load simulator: ledger');
const boot = 1_700_000_000;

/** One device that sent `events`, all acknowledged. */
function sent(events: number, options = { mayRepeat: false }) {
  const ledger = new Ledger(options);
  const pages = ledger.device('sim-1');
  const page = ledger.begin(pages);
  ledger.meet(['sim-1']);
  ledger.named(pages, page, boot);
  send(ledger, page, events);
  ledger.acknowledged(page, events, 1_000);
  const found = (...seqs: number[]) => {
    for (const seq of seqs) one(seq);
  };
  const one = (seq: number, more = {}) =>
    ledger.found({ ...{ device: 0, boot, seq, hash: seq, timestampMs: 0 }, ...more }, 2_000);
  const lost = (from: number, to: number | null, reason = 'overflow', of = boot) =>
    ledger.lost({ device: 'sim-1', boot: of, from, to, reason });
  return { ledger, pages, page, found, one, lost };
}

function send(ledger: Ledger, page: Page, events: number, isTaken = true) {
  for (let number = 0; number < events; number++) ledger.sent(page, isTaken, number, page.next);
}

test('what is in Kafka once and in order, or reported lost, is sound', () => {
  const { ledger, found, lost } = sent(200);
  found(...Array.from({ length: 50 }, (_, seq) => seq));
  lost(50, 60);
  found(...Array.from({ length: 140 }, (_, at) => at + 60));
  const verdict = judge(ledger);
  assert.ok(verdict.isSound, JSON.stringify(verdict));
  assert.is(verdict.inKafka, 190);
  assert.is(verdict.reportedLost, 10);
});

test('one that is there twice is named', () => {
  const { ledger, found } = sent(3);
  found(0, 1, 2, 1);
  const verdict = judge(ledger);
  assert.is(verdict.twice, 1);
  assert.not(verdict.isSound);
  assert.match(verdict.remarks[0]!, /^sim-1 1700000000\/1 is in Kafka once more/);
});

test('with at-least-once it is a repeat, and sound', () => {
  const { ledger, found } = sent(3, { mayRepeat: true });
  found(0, 1, 1, 0, 2);
  const verdict = judge(ledger);
  assert.is(verdict.repeats, 2);
  assert.ok(verdict.isSound);
});

test('one that is missing before another is lost, and named', () => {
  const { ledger, found } = sent(4);
  found(0, 2, 3);
  const verdict = judge(ledger);
  assert.is(verdict.lost, 1);
  assert.is(verdict.waitingInProxy, 0);
  assert.ok(verdict.remarks.includes('sim-1 1700000000/1: not in Kafka, and not reported'));
});

test('what is missing at the end still waits: in the proxy where it is acknowledged, else on the device', () => {
  const { ledger, page, found } = sent(4);
  send(ledger, page, 3);
  found(0, 1);
  const verdict = judge(ledger);
  assert.is(verdict.lost, 0);
  assert.is(verdict.waitingInProxy, 2);
  assert.is(verdict.waitingOnDevices, 3);
  assert.not(verdict.isSound);
});

test('one that comes behind a later one is out of order', () => {
  const { ledger, found } = sent(3);
  found(0, 2, 1);
  const verdict = judge(ledger);
  assert.is(verdict.outOfOrder, 1);
  assert.is(verdict.lost, 0);
  assert.not(verdict.isSound);
});

test('an event of a boot behind one of a later boot is out of order', () => {
  const { ledger, pages, found, one } = sent(2);
  const second = ledger.begin(pages);
  ledger.named(pages, second, boot + 1);
  send(ledger, second, 1);
  found(0);
  one(0, { boot: boot + 1 });
  found(1);
  assert.is(judge(ledger).outOfOrder, 1);
});

test('one that nobody sent, and one with another value, are found', () => {
  const { ledger, found, one } = sent(2);
  found(0);
  one(1, { hash: 77 });
  one(2);
  one(0, { boot: boot + 9 });
  const verdict = judge(ledger);
  assert.is(verdict.changed, 1);
  assert.is(verdict.invented, 2);
});

test('a loss that is none is contradicted, and so is one reported for what never was', () => {
  const { ledger, found, lost } = sent(5);
  found(0, 1, 2, 3, 4);
  lost(1, 3);
  assert.is(judge(ledger).contradicted, 1);
  lost(9, 12);
  assert.is(judge(ledger).contradicted, 2);
  lost(5, null, 'tail-unknown');
  assert.is(judge(ledger).contradicted, 3, 'the boot runs');
});

test('what was acknowledged is not lost by being reported: a device that gave it up is, a proxy that had it is not', () => {
  const { ledger, found, lost } = sent(20);
  found(...Array.from({ length: 5 }, (_, seq) => seq));
  lost(5, 8);
  assert.is(judge(ledger).acknowledgedLost, 0);
  lost(8, 20, 'unknown');
  const verdict = judge(ledger);
  assert.is(verdict.acknowledgedLost, 12);
  assert.not(verdict.isSound);
  assert.match(verdict.remarks[0]!, /reported lost \(unknown\), 12 of which were acknowledged/);
});

test('in Kafka behind its own loss', () => {
  const { ledger, found, lost } = sent(3);
  lost(0, 1);
  found(0, 1, 2);
  const verdict = judge(ledger);
  assert.is(verdict.contradicted, 1);
  assert.not(verdict.isSound);
});

test('what was refused must be reported, and is not in Kafka', () => {
  const { ledger, page, found, lost } = sent(2);
  send(ledger, page, 2, false);
  send(ledger, page, 1);
  ledger.acknowledged(page, 5, 1_000);
  found(0, 1, 4);
  assert.is(judge(ledger).unreported, 2);
  lost(2, 4, 'refused');
  const verdict = judge(ledger);
  assert.ok(verdict.isSound, JSON.stringify(verdict));
  assert.is(verdict.reportedLost, 0, 'it was never accepted');
});

test('what went with the power is reported as the tail of its boot', () => {
  const { ledger, pages, page, found, lost } = sent(3);
  send(ledger, page, 4);
  ledger.cut(page);
  assert.is(ledger.onDevices, 0);
  const second = ledger.begin(pages);
  ledger.named(pages, second, boot + 1);
  found(0, 1, 2);
  assert.not(judge(ledger).isSound);
  lost(3, null, 'tail-unknown');
  const verdict = judge(ledger);
  assert.ok(verdict.isSound, JSON.stringify(verdict));
  assert.is(verdict.reportedLost, 4);
});

test('of a boot that ended before the proxy had anything of it nobody can report', () => {
  const { ledger, pages, found } = sent(2);
  found(0, 1);
  const second = ledger.begin(pages);
  send(ledger, second, 3);
  ledger.cut(second);
  ledger.begin(pages);
  const verdict = judge(ledger);
  assert.is(verdict.unheard, 3);
  assert.ok(verdict.isSound);
});

test('records of runs before and of other devices are passed over, and counted', () => {
  const { ledger, found, one, lost } = sent(1);
  found(0);
  one(0, { boot: boot - 5 });
  lost(0, null, 'tail-unknown', boot - 5);
  ledger.meet(['press-07']);
  ledger.found({ device: 1, boot, seq: 0, hash: 0, timestampMs: 0 }, 0);
  const verdict = judge(ledger);
  assert.ok(verdict.isSound);
  assert.is(verdict.others, 3);
});

test('times and values are kept until an event has come, however many wait', () => {
  const { ledger, page, one } = sent(0);
  for (let round = 0; round < 5; round++) {
    const first = page.next;
    send(ledger, page, 1_000);
    ledger.acknowledged(page, page.next, 3_000);
    for (let seq = first; seq < page.next - 10; seq++) one(seq);
    for (let seq = page.next - 10; seq < page.next; seq++) one(seq);
  }
  const verdict = judge(ledger);
  assert.ok(verdict.isSound, JSON.stringify(verdict));
  assert.is(ledger.kafkaTimes.count, 5_000);
  assert.is(page.floor, page.next);
});

test.run();
