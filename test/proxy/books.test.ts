import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balanceText, createBooks } from '../../proxy/books.js';
import type { BlockRecord, LossReason, LossRecord } from '../../proxy/journal/record.js';

const block = (device: string, first: number, count: number, from = first): BlockRecord => ({
  ...{ kind: 'block', device, boot: 7, first, count, from, table: '0'.repeat(16), arrivalMs: 0 },
  ...{ offsetMs: 0, lastTimeMs: 0, quality: 'synced', bytes: new Uint8Array(1) },
});
const loss = (device: string, from: number, to: number | null, reason: LossReason): LossRecord => ({
  ...{ kind: 'loss', device, boot: 7, from, to, reason, arrivalMs: 0 },
});

test('an event is received once, and every term is counted on its own', () => {
  const books = createBooks();
  books.synced(block('a', 0, 10));
  books.synced(block('a', 8, 10, 10));
  books.synced(block('b', 0, 5));
  books.synced(loss('b', 5, 8, 'undecodable'));
  books.synced(loss('b', 8, 100, 'overflow'));
  books.synced(loss('b', 100, null, 'tail-unknown'));
  books.resent('a', 2);
  books.confirmed(0, [
    ['a', 10],
    ['b', 5],
  ]);
  const balance = books.balance(8);
  assert.equal(balance, {
    ...{ received: 26, committed: 15, buffered: 8, resent: 2, balanced: true },
    ...{ rejected: { undecodable: 3 }, dropped: {}, lost: { overflow: 92, 'tail-unknown': 1 } },
  });
  assert.is(books.account('a').received, 18);
  assert.match(
    balanceText(balance),
    /^received 26 = committed 15 \+ buffered 8 \+ rejected 3 \(undecodable 3\) \+ dropped 0: the books balance/,
  );
});

test('books that do not balance say so', () => {
  const books = createBooks();
  books.synced(block('a', 0, 10));
  assert.not(books.balance(9).balanced);
  assert.match(balanceText(books.balance(9)), /THE BOOKS DO NOT BALANCE/);
});

test('a snapshot restores them', () => {
  const books = createBooks();
  books.synced(block('a', 0, 10));
  books.synced(loss('a', 10, 12, 'undecodable'));
  books.confirmed(0, [['a', 4]]);
  const other = createBooks();
  other.restore(JSON.parse(JSON.stringify(books.snapshot())));
  assert.equal(other.balance(6), books.balance(6));
  books.synced(block('a', 12, 1));
  assert.is(other.account('a').received, 12, 'a snapshot is a copy');
});

test.run();
