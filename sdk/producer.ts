import { add, type Block, type EventWriter, writeDeclared } from './block.js';
import { at, text, writeTo } from './cbor.js';
import { type SessionOptions, session } from './session.js';
import { BLOCK, READY } from './state.js';
import { RAM_OVERHEAD_BYTES, ram } from './stores/ram.js';
import type { Store } from './stores/store.js';
import { declared, type Field, type Stream, type Values } from './stream.js';
import { tableId } from './table-id.js';
import { BLOCK_BYTES_MAX, DEVICE_BYTES_MAX, LOST_OVERFLOW, LOST_REFUSED } from './wire.js';

// The start of the path: send() → block → store. An event that is taken has the next seq of the running boot; one that is refused has
// consumed its seq too, which lies in a range of lost events. Making a producer may throw, using it does not.

export interface ProducerOptions extends SessionOptions {
  /** The device's name, 1 to 64 bytes; the Kafka key. */
  device: string | (() => string);
  /** RAM for events, the open block included; 1,024 unless told. */
  bufferBytes?: number;
  /** The largest block; a quarter of `bufferBytes` unless told, and at most 1,024. */
  blockBytes?: number;
  /** What is given up where the buffer is full; `oldest` unless told. */
  drop?: 'oldest' | 'newest';
  /** Where sealed blocks are kept; RAM unless told. */
  store?: Store;
}

/** What took the event; false: nothing did, and its loss is reported in its place. */
export type Taken = Store['kind'] | false;

export interface Stats {
  /** Events that `send` took, and those it did not. */
  accepted: number;
  refused: number;
  /** Events that were taken, and given up for newer ones. */
  dropped: number;
  /** Values sent as absent because they lay out of range. */
  outOfRange: number;
  /** The number of this run; null until the proxy has named it. */
  boot: number | null;
  /** Everything below this seq of the running boot is acknowledged. */
  acknowledged: number;
  /** Seqs that are numbered and not acknowledged. */
  buffered: number;
  /** Whether there is a session. */
  ready: boolean;
  /** Damaged frames that came. */
  broken: number;
}

export interface Producer {
  send<Fields extends Record<string, Field<never>>>(
    stream: Stream<Fields>,
    values: NoInfer<Values<Fields>>,
  ): Taken;
  stats(): Stats;
  /** For the modules beside the core: adds an event by a writer of theirs. */
  take<Subject, Value>(write: EventWriter<Subject, Value>, subject: Subject, value: Value): Taken;
  /** Seals the open block, so that all that was sent can go out; returns the next seq. */
  seal(): number;
  /** Called whenever something came from the proxy. */
  readonly watchers: (() => void)[];
}

export function producer(options: ProducerOptions): Producer {
  const {
    device,
    bufferBytes = 1024,
    blockBytes = Math.min(bufferBytes >> 2, BLOCK_BYTES_MAX),
    drop,
  } = options;
  const name = typeof device === 'function' ? device() : device;
  writeTo(new Uint8Array(0), 0);
  text(name);
  // The head of a text from 24 bytes on is two bytes.
  if (!name || at > DEVICE_BYTES_MAX + 2) throw Error('device: give it a name of 1 to 64 bytes');
  if (bufferBytes < 2 * blockBytes + RAM_OVERHEAD_BYTES || blockBytes > BLOCK_BYTES_MAX) {
    throw Error(`bufferBytes: at least twice blockBytes (at most 1024) and ${RAM_OVERHEAD_BYTES}`);
  }

  const store = options.store || ram(bufferBytes - blockBytes, drop === 'newest');
  const streams = declared.slice();
  const last = streams[streams.length - 1];
  const block: Block = {
    bytes: new Uint8Array(blockBytes),
    state: new Array(last ? last.slot + 2 + last.names.length : 2),
    streams,
    count: 0,
    length: 0,
    base: 0,
    outOfRange: 0,
  };
  const running = store.boots[store.boots.length - 1]!;
  let accepted = 0;
  let refused = 0;

  const seal = () => {
    if (block.count) {
      store.append(block.count, block.bytes, block.length);
      block.count = 0;
      block.length = 0;
      step(BLOCK);
    }
    return running.next;
  };
  const { clock, step, arm, watchers, readState, readBroken } = session(
    options,
    name,
    streams,
    tableId(streams),
    store,
    block,
    seal,
  );

  const take: Producer['take'] = (write, subject, value) => {
    const uptime = clock();
    const fits = () =>
      add(block, Math.min(blockBytes, store.room()), uptime, write, subject, value);
    // What does not fit begins a block; what does not fit an empty one is lost, and a range never lies in a block.
    let taken = fits();
    if (!taken) {
      seal();
      taken = fits();
    }
    if (!taken) store.lose(store.room() < blockBytes ? LOST_OVERFLOW : LOST_REFUSED);
    running.next++;
    if (taken) {
      accepted++;
      if (block.count < 2) arm();
      return store.kind;
    }
    refused++;
    step(BLOCK);
    return false;
  };

  return {
    send: (stream, values) => take(writeDeclared, stream, values),
    stats: () => ({
      accepted,
      refused,
      dropped: store.dropped,
      outOfRange: block.outOfRange,
      boot: running.boot,
      acknowledged: running.lowest,
      buffered: running.next - running.lowest,
      ready: readState() === READY,
      broken: readBroken(),
    }),
    take,
    seal,
    watchers,
  };
}
