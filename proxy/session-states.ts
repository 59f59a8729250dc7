import type { SessionKey } from './auth/session-key.js';
import type { Broken } from './frame.js';
import type { Data, Hello, TablePart } from './message.js';

// The states of a session and what each does at an event: the table of PROTOCOL.md §7, cell by cell.

export type State = 'silent' | 'live' | 'closed';
export type Event =
  | { type: 'hello'; hello: Hello; body: Uint8Array; key: SessionKey | null }
  | { type: 'unproven'; device: string }
  | { type: 'table'; message: TablePart }
  | { type: 'data'; message: Data }
  | { type: 'other'; outcome: string; detail: Record<string, string | number> }
  | { type: 'broken'; why: Broken }
  | { type: 'synced'; boots: ReadonlySet<number> }
  | { type: 'failed' }
  | { type: 'revoked' }
  | { type: 'silence' }
  | { type: 'down' };

export type Action =
  | 'greet'
  | 'refuse'
  | 'lock-out'
  | 'no-session'
  | 'table'
  | 'data'
  | 'count'
  | 'acknowledge'
  | 'unavailable'
  | 'close-connection'
  | 'end'
  | 'nothing';

export const transitions: Record<State, Record<Event['type'], Action>> = {
  silent: {
    hello: 'greet', // → live, unless it must be proven first, or another is preferred
    unproven: 'refuse',
    table: 'no-session',
    data: 'no-session',
    other: 'count',
    broken: 'count',
    synced: 'nothing',
    failed: 'nothing',
    revoked: 'nothing',
    silence: 'close-connection', // → closed; a line stays
    down: 'end', // → closed
  },
  live: {
    hello: 'greet',
    // Anybody may have said it who speaks on the line, or in the name of the address: a RESET would have the live one begin anew.
    unproven: 'count',
    table: 'table',
    data: 'data',
    other: 'count',
    broken: 'count',
    synced: 'acknowledge',
    failed: 'unavailable', // → silent
    revoked: 'lock-out', // → silent
    silence: 'nothing',
    down: 'end', // → closed
  },
  closed: {
    hello: 'nothing',
    unproven: 'nothing',
    table: 'nothing',
    data: 'nothing',
    other: 'nothing',
    broken: 'nothing',
    synced: 'nothing',
    failed: 'nothing',
    revoked: 'nothing',
    silence: 'nothing',
    down: 'nothing',
  },
};
