// The books: received = committed + buffered + rejected + dropped, integers, each counted on its own, per
// device. They live in the journal's checkpoint and are brought up to date by its replay, so that they
// survive whatever the journal survives. An event is received once: when its record is first synced.
// What devices say that they lost stands outside the equation.

import type {
  BlockRecord,
  Dropped,
  LossReason,
  LossRecord,
  TableRecord,
} from './journal/record.js';

/** Event counts of one device. */
export interface Account {
  received: number;
  committed: number;
  rejected: Record<string, number>;
  dropped: Record<string, number>;
  /** Lost on the device or between its lives; `tail-unknown` counts boots, not events. */
  lost: Record<string, number>;
  /** Events that came again: sent twice, taken once. */
  resent: number;
}

export interface Balance {
  received: number;
  committed: number;
  /** Counted by reading the journal, never by subtracting. */
  buffered: number;
  rejected: Record<string, number>;
  dropped: Record<string, number>;
  lost: Record<string, number>;
  resent: number;
  balanced: boolean;
}

export interface Books {
  /** A record's first fsync, or its replay. */
  synced(record: BlockRecord | LossRecord | TableRecord): void;
  /** Kafka's answer, or its replay. */
  confirmed(
    lane: number,
    committed: readonly [device: string, events: number][],
    dropped?: readonly Dropped[],
  ): void;
  /** Received, and unreadable since: dropped when the lane comes to it. */
  damaged(device: string, events: number): void;
  resent(device: string, events: number): void;
  account(device: string): Account;
  devices(): IterableIterator<string>;
  /** All devices together, with what was counted as buffered. */
  balance(buffered: number): Balance;
  /** For the checkpoint; only what `restore` takes. */
  snapshot(): unknown;
  restore(snapshot: unknown): void;
}

/** Refused by the proxy, not lost by the device: the other side of the equation. */
const rejecting: ReadonlySet<LossReason> = new Set<LossReason>(['undecodable']);

type Row = [
  device: string,
  received: number,
  committed: number,
  rejected: Record<string, number>,
  dropped: Record<string, number>,
  lost: Record<string, number>,
  resent: number,
];

const isCount = (value: unknown): boolean => Number.isSafeInteger(value);
const areCounts = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isCount);

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false;
  const [device, received, committed, rejected, dropped, lost, resent] = row as unknown[];
  return (
    typeof device === 'string' &&
    [received, committed, resent].every(isCount) &&
    [rejected, dropped, lost].every(areCounts)
  );
}

export function createBooks(): Books {
  const accounts = new Map<string, Account>();

  function account(device: string): Account {
    let found = accounts.get(device);
    if (found === undefined) {
      found = { received: 0, committed: 0, rejected: {}, dropped: {}, lost: {}, resent: 0 };
      accounts.set(device, found);
    }
    return found;
  }

  return {
    synced(record) {
      if (record.kind === 'table') return;
      const entry = account(record.device);
      if (record.kind === 'block') {
        entry.received += record.first + record.count - record.from;
      } else if (rejecting.has(record.reason)) {
        const events = (record.to ?? record.from) - record.from;
        entry.received += events;
        add(entry.rejected, record.reason, events);
      } else {
        add(entry.lost, record.reason, record.to === null ? 1 : record.to - record.from);
      }
    },
    confirmed(_lane, committed, dropped = []) {
      for (const [device, events] of committed) account(device).committed += events;
      for (const [device, reason, events] of dropped) {
        add(account(device).dropped, reason, events);
      }
    },
    damaged(device, events) {
      account(device).received += events;
    },
    resent(device, events) {
      account(device).resent += events;
    },
    account,
    devices: () => accounts.keys(),
    balance(buffered) {
      const all: Balance = {
        ...{ received: 0, committed: 0, buffered, rejected: {}, dropped: {}, lost: {} },
        resent: 0,
        balanced: false,
      };
      for (const entry of accounts.values()) {
        all.received += entry.received;
        all.committed += entry.committed;
        all.resent += entry.resent;
        for (const kind of ['rejected', 'dropped', 'lost'] as const) {
          for (const [reason, events] of Object.entries(entry[kind]))
            add(all[kind], reason, events);
        }
      }
      const gone = sum(all.rejected) + sum(all.dropped);
      all.balanced = all.received === all.committed + buffered + gone;
      return all;
    },
    snapshot(): Row[] {
      return [...accounts].map(
        ([device, { received, committed, rejected, dropped, lost, resent }]) => [
          ...[device, received, committed],
          ...[{ ...rejected }, { ...dropped }, { ...lost }],
          resent,
        ],
      ) as Row[];
    },
    restore(snapshot) {
      accounts.clear();
      // Null: of a journal that was kept without books.
      const rows = snapshot ?? [];
      if (!Array.isArray(rows) || !rows.every(isRow)) {
        throw new RangeError('a snapshot that is no book');
      }
      for (const row of rows) {
        const [device, received, committed, rejected, dropped, lost, resent] = row;
        accounts.set(device, { received, committed, rejected, dropped, lost, resent });
      }
    },
  };
}

/** For people, at exit. */
export function balanceText(balance: Balance): string {
  const part = (name: string, counts: Record<string, number>) => {
    const reasons = Object.entries(counts).map(([reason, events]) => `${reason} ${events}`);
    return `${name} ${sum(counts)}${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`;
  };
  const { received, committed, buffered, rejected, dropped, lost, balanced } = balance;
  const equation =
    `received ${received} = committed ${committed} + buffered ${buffered} + ` +
    `${part('rejected', rejected)} + ${part('dropped', dropped)}`;
  const verdict = balanced ? 'the books balance' : 'THE BOOKS DO NOT BALANCE';
  return `${equation}: ${verdict}; outside: ${part('lost before the proxy', lost)}`;
}

function add(counts: Record<string, number>, reason: string, events: number): void {
  counts[reason] = (counts[reason] ?? 0) + events;
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, events) => all + events, 0);
}
