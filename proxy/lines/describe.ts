import {
  ACK,
  CHALLENGE,
  COMMAND,
  END,
  FRAGMENT,
  POLL,
  PROOF,
  RESET,
  RESULT,
  TABLE_BYTES_MAX,
  WELCOME,
} from '../../sdk/wire.js';
import { macBytes } from '../auth/session-key.js';
import { decodeBlock } from '../block.js';
import { CborReader, type Value } from '../cbor.js';
import { decodeEnvelope, isEnvelope } from '../envelope.js';
import { checkFrame, mayHaveMac } from '../frame.js';
import { textOf } from '../kafka/event-json.js';
import { decodeMessage } from '../message.js';
import { decodeTable, type StreamTable, tableId } from '../table.js';
import { terminalText } from '../terminal-text.js';

// A frame as a line for a person: what crosses a serial line, from either end (PROTOCOL.md §3). Events are decoded where their
// table crossed the line before.

const resetReasons = [
  'no session',
  'version',
  'replaced',
  'table',
  'authentication',
  'unavailable',
];

export interface Described {
  /** HELLO, DATA, …; or what is wrong with the frame. */
  what: string;
  text: string;
  isSound: boolean;
}

export class Describer {
  /** By their index in the last HELLO. */
  #ids: string[] = [];
  readonly #parts = new Map<number, Uint8Array[]>();
  readonly #tables = new Map<string, StreamTable>();
  /** What crossed within envelopes, by its channel. */
  readonly #channels = new Map<number, Describer>();

  describe(frame: Uint8Array): Described {
    if (isEnvelope(frame)) return this.#envelope(frame);
    const body = checkFrame(frame);
    if (typeof body !== 'string') return this.#body(body);
    // Whoever listens has no keys: it may be what it seems.
    const inside = mayHaveMac(frame) ? this.#body(frame.subarray(0, -macBytes)) : null;
    if (inside?.isSound === true) return { ...inside, text: `${inside.text} (with a MAC)`.trim() };
    return { what: 'broken', text: `${frame.length} B: ${body}`, isSound: false };
  }

  #body(body: Uint8Array): Described {
    if (body[0] === FRAGMENT) return sound('FRAGMENT', `${body.length} B`);
    const message = decodeMessage(body);
    switch (message.type) {
      case 'hello': {
        this.#ids = message.tables;
        this.#parts.clear();
        const boots = message.boots.map(
          ({ boot, lowest, next }) => `boot ${boot ?? 'wanted'} seqs ${lowest} to ${next}`,
        );
        const { device, uptime, nonce } = message;
        return sound('HELLO', `${device}, up ${uptime} ms, ${boots.join(', ')}, nonce ${nonce}`);
      }
      case 'table':
        return sound('TABLE', this.#table(message.index, message.stream, message.description));
      case 'data': {
        const { boot, first, count, uptime, table } = message;
        const seqs = count === 1 ? `seq ${first}` : `seqs ${first} to ${first + count - 1}`;
        const events = this.#events(message.block, table, count);
        return sound('DATA', `boot ${boot} ${seqs}, up ${uptime} ms: ${events}`);
      }
      case 'version':
        return sound('HELLO', `of version ${message.version}`);
      case 'other':
        return ofAnother(message.number, body);
      case 'malformed':
        return { what: message.what, text: `malformed: ${message.why}`, isSound: false };
    }
  }

  #envelope(bytes: Uint8Array): Described {
    const envelope = decodeEnvelope(bytes);
    if (envelope === null) return { what: 'CHANNEL', text: 'broken head', isSound: false };
    const { channel, frame } = envelope;
    if (frame.length === 0) return sound('CHANNEL', `${channel} opened anew`);
    const describer = this.#channels.get(channel) ?? new Describer();
    this.#channels.set(channel, describer);
    const inside = describer.describe(frame);
    return { ...inside, text: `channel ${channel}: ${inside.text}` };
  }

  #table(index: number, stream: number, description: Uint8Array): string {
    const parts = stream === 0 ? [] : (this.#parts.get(index) ?? []);
    parts.push(Uint8Array.from(description));
    this.#parts.set(index, parts);
    const bytes = Buffer.concat(parts);
    const table = decodeTable(bytes);
    // Said without end it would grow without end.
    if (bytes.length > TABLE_BYTES_MAX) this.#parts.delete(index);
    if (typeof table === 'string') return `part ${stream}: ${table}`;
    if (this.#tables.size >= tablesKnownMax) this.#tables.clear();
    this.#tables.set(tableId(bytes), table);
    return `part ${stream}: ${table.streams.at(-1)?.name ?? ''}`;
  }

  #events(bytes: Uint8Array, index: number, count: number): string {
    const table = this.#tables.get(this.#ids[index] ?? '') ?? null;
    const block = decodeBlock(bytes, table, count);
    if (block.kind === 'lost') return `${count} lost: ${block.reason}`;
    if (block.kind === 'undecodable') {
      const why = table === null ? 'their table did not cross the line yet' : block.why;
      return `${count} events, ${bytes.length} B, ${why}`;
    }
    return block.events
      .map(({ stream, fields, values }) => {
        const named = fields?.map(({ name }, at) => `${name}=${shown(values[at])}`).join(' ');
        return `${stream} ${named ?? shown(values[0])}`;
      })
      .join(' · ');
  }
}

/** Of a line on which somebody says tables without end. */
const tablesKnownMax = 1_000;

const names: Record<number, string> = {
  ...{ [WELCOME]: 'WELCOME', [ACK]: 'ACK', [RESET]: 'RESET', [POLL]: 'POLL', [END]: 'END' },
  ...{ [COMMAND]: 'COMMAND', [RESULT]: 'RESULT', [CHALLENGE]: 'CHALLENGE', [PROOF]: 'PROOF' },
};
/** The type with them. */
const itemsLeast: Record<number, number> = {
  ...{ [WELCOME]: 6, [ACK]: 4, [RESET]: 3, [POLL]: 3, [END]: 3 },
};

function ofAnother(type: number, body: Uint8Array): Described {
  const reader = new CborReader(body);
  const items: Value[] = [];
  while (!reader.done && reader.broken === null) items.push(reader.value(4, 'item'));
  if (reader.broken !== null || items.length < (itemsLeast[type] ?? 0)) {
    const what = names[type] ?? `type ${type}`;
    return { what, text: `malformed: ${reader.broken ?? 'items are missing'}`, isSound: false };
  }
  // Of whoever has the line: a text may hold what a terminal obeys.
  const [, a, b, c, d, e] = items.map(shown);
  if (type === WELCOME) {
    return sound('WELCOME', `boot ${e} expects seq ${b}, takes up to ${c}, nonce ${a}`);
  }
  if (type === ACK)
    return sound('ACK', `boot ${a} below seq ${b}, takes up to ${c}${d === '1' ? ', gap' : ''}`);
  if (type === RESET) {
    return sound(
      'RESET',
      `${resetReasons[Number(a)] ?? `reason ${a}`}${b === '0' ? '' : `, in ${b} ms`}`,
    );
  }
  if (type === POLL) return sound('POLL', `${a}, up to ${b} B`);
  if (type === END) return sound('END', `${a}${b === '1' ? ', more waits' : ''}`);
  return sound(names[type] ?? `type ${type}`, `${body.length} B`);
}

function sound(what: string, text: string): Described {
  return { what, text, isSound: true };
}

function shown(value: Value | undefined): string {
  if (value instanceof Uint8Array) return `h'${Buffer.from(value).toString('hex')}'`;
  return terminalText(textOf(value ?? null));
}
