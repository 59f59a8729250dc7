import * as assert from 'uvu/assert';
import { type BlockEvent, decodeBlock } from '../../proxy/block.js';
import { decodeTable, emptyTableId, type StreamTable, tableId } from '../../proxy/table.js';
import { ack, bodies, type Data, type Message, parse, reset, type Wire, welcome } from './peer.js';

// A proxy over a wire, for long runs: takes frames in order, reads blocks as the proxy does, and says what the test lets it say.
// What it has taken covers every seq from 0 to its place once, in order.

export interface FarEnd {
  /** By seq: the event, or why it is lost. */
  taken: (BlockEvent | string)[];
  /** Seqs below it may be sent. */
  limit: number;
  boot: number;
  /** The DATA frames that came, taken or not. */
  frames: Data[];
  /** Reads what was written; `lost` says which frames the line swallowed. */
  hear(lost?: () => boolean): void;
  /** Hears, answers a HELLO, hears what follows it, and acknowledges. */
  exchange(lost?: () => boolean): void;
  /** Answers the HELLO that was heard last. */
  welcome(): void;
  ack(): void;
  reset(retryMs: number): void;
  /** The connection is another one: halves of frames are gone, and so is what was welcomed. */
  cut(): void;
  /** Whether a HELLO waits for its answer. */
  asked: boolean;
  /** Whether DATA may come: HELLO was answered on this connection. */
  live: boolean;
}

export function farEnd(link: Wire): FarEnd {
  let nonce = 0;
  let id = '';
  let table: StreamTable | null = null;
  let descriptions: string[] = [];
  let gap: 'none' | 'seen' | 'told' = 'none';

  const describe = (stream: number, description: string) => {
    // [W-15] From stream 0 on; what comes out of order is nothing.
    if (stream === 0) descriptions = [];
    if (stream !== descriptions.length) return;
    descriptions.push(description);
    const bytes = Buffer.from(descriptions.join(''), 'hex');
    if (tableId(bytes) !== id) return;
    const decoded = decodeTable(bytes);
    if (typeof decoded === 'string') throw new Error(decoded);
    table = decoded;
  };

  const take = (data: Data) => {
    assert.is(data.boot, far.boot);
    assert.ok(data.count > 0);
    far.frames.push(data);
    const place = far.taken.length;
    if (data.first > place && gap === 'none') gap = 'seen';
    if (!table || data.first >= far.limit || data.first > place) return;
    const block = decodeBlock(Buffer.from(data.block, 'hex'), table, data.count);
    if (block.kind === 'undecodable') throw new Error(`${block.why}: ${data.block}`);
    // Cut to what had not been received.
    for (let seq = place; seq < data.first + data.count; seq++) {
      far.taken.push(block.kind === 'lost' ? block.reason : block.events[seq - data.first]!);
    }
    if (far.taken.length > place) gap = 'none';
  };

  const answer = (message: Message) => {
    if (message.type === 'table') describe(message.stream, message.description);
    else if (message.type === 'data') {
      assert.ok(far.live, 'DATA only behind a WELCOME');
      take(message);
    } else {
      const boot = message.boots[0]!;
      assert.ok(boot.boot === null || boot.boot === far.boot);
      assert.ok(boot.lowest <= far.taken.length, 'what was not taken is not acknowledged');
      assert.ok(boot.next >= far.taken.length);
      nonce = message.nonce;
      id = message.tables[0]!;
      if (id === emptyTableId) table = { streams: [] };
      far.asked = true;
      far.live = false;
    }
  };

  const far: FarEnd = {
    taken: [],
    limit: 0,
    boot: 1_763_956_800,
    frames: [],
    asked: false,
    live: false,
    hear(lost = () => false) {
      const end = Buffer.from(link.written).lastIndexOf(0) + 1;
      const whole = bodies(link.written.subarray(0, end));
      link.written = link.written.subarray(end);
      for (const body of whole) if (!lost()) answer(parse(body));
    },
    exchange(lost) {
      far.hear(lost);
      if (far.asked) far.welcome();
      far.hear(lost);
      if (far.live) far.ack();
    },
    welcome() {
      far.asked = false;
      far.live = true;
      gap = 'none';
      link.say(welcome(nonce, [[far.boot, far.taken.length, far.limit]], table ? 0 : 1));
    },
    ack() {
      const told = gap === 'seen';
      if (told) gap = 'told';
      link.say(ack(far.boot, far.taken.length, far.limit, told ? 1 : 0));
    },
    reset: (retryMs) => link.say(reset(5, retryMs)),
    cut() {
      link.written = new Uint8Array(0);
      far.live = far.asked = false;
    },
  };
  const { open, close } = link;
  link.open = (events) => {
    far.cut();
    open(events);
  };
  link.close = () => {
    far.cut();
    close();
  };
  return far;
}
