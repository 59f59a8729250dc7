import { STREAMS_MAX, TABLE_BYTES_MAX } from '../sdk/wire.js';
import type { KnownTable, Site } from './intake.js';
import type { Hello, TablePart } from './message.js';
import { type StreamTable, type Tables, tableId } from './table.js';

// session → journal: the tables that one HELLO lists, as they come, and what DATA means by their indices (PROTOCOL.md §4). None is taken of
// whose streams one is not its device's.

/** The session that hears of it; not a handful of functions, since there is one for each device. */
export interface TablesListener {
  count(kind: string, detail: Record<string, string | number>): void;
  /** A table declares a stream that its device may not write. */
  notAllowed(stream: string): void;
  /** There is no room for another table. */
  tooManyTables(): void;
}

export class SessionTables {
  readonly #site: Site;
  readonly #tables: Tables;
  readonly #hello: Hello;
  readonly #listener: TablesListener;
  /** By index, once they were looked at. */
  readonly #known: (KnownTable | undefined)[] = [];
  /** A stream that its device may not write, by the index of the table that came with it. Null until there was one. */
  #forbidden: Map<number, string> | null = null;
  /** Of each that is coming, what came of it: stream by stream, from the first on. Null until there was one. */
  #coming: Map<number, Uint8Array[]> | null = null;

  constructor(site: Site, tables: Tables, hello: Hello, listener: TablesListener) {
    this.#site = site;
    this.#tables = tables;
    this.#hello = hello;
    this.#listener = listener;
  }

  /** [W-15] A table is whole when its parts together have the id that HELLO gave. */
  take({ index, stream, description }: TablePart): void {
    const { journal } = this.#site;
    const { device, tables } = this.#hello;
    const count = (kind: string) => this.#listener.count(kind, { device, index, stream });
    const id = tables[index];
    const came = stream === 0 ? [] : (this.#coming?.get(index) ?? []);
    if (id === undefined) count('table-not-listed');
    else if (journal.table(device, id) !== null) count('table-again');
    else if (stream !== came.length) count('table-part-missing');
    else {
      came.push(Uint8Array.from(description));
      this.#coming ??= new Map();
      this.#coming.set(index, came);
      const bytes = Buffer.concat(came);
      const isWhole = tableId(bytes) === id;
      if (!isWhole && bytes.length <= TABLE_BYTES_MAX && stream + 1 < STREAMS_MAX) return;
      this.#coming.delete(index);
      if (isWhole) this.#whole(index, id, bytes);
      else count('table-wrong-id');
    }
  }

  /** Null: the proxy does not have it. */
  at(index: number): KnownTable | 'forbidden' | null {
    const known = this.#known[index];
    if (known) return known;
    const { device, tables } = this.#hello;
    const id = tables[index];
    const forbidden = this.#forbidden?.get(index);
    if (forbidden !== undefined) {
      this.#listener.notAllowed(forbidden);
      return 'forbidden';
    }
    const held = id === undefined ? null : this.#site.journal.table(device, id);
    if (id === undefined || held === null) return null;
    const streams = this.#tables.decode(id, held.bytes);
    if (typeof streams === 'string') return null;
    if (!this.#isAllowed(index, streams)) return 'forbidden';
    this.#known[index] = { id, streams };
    return { id, streams };
  }

  #whole(index: number, id: string, bytes: Uint8Array): void {
    const { journal, limits } = this.#site;
    const { device } = this.#hello;
    const listener = this.#listener;
    const table = this.#tables.decode(id, bytes);
    if (typeof table === 'string') listener.count('table-malformed', { device, why: table });
    else if (!this.#isAllowed(index, table)) return;
    else if (journal.tableCount(device) >= limits.tablesPerDeviceMax) listener.tooManyTables();
    else if (!journal.append({ kind: 'table', device, id, bytes })) {
      listener.count('not-taken', { device, what: 'table' });
    }
  }

  #isAllowed(index: number, { streams }: StreamTable): boolean {
    const { allow } = this.#site;
    const { device } = this.#hello;
    const forbidden = allow === null ? undefined : streams.find(({ name }) => !allow(device, name));
    if (forbidden === undefined) return true;
    this.#forbidden ??= new Map();
    this.#forbidden.set(index, forbidden.name);
    this.#listener.notAllowed(forbidden.name);
    return false;
  }
}
