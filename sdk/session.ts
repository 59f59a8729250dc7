import type { Block } from './block.js';
import { at, head, item, put, text, writeTo } from './cbor.js';
import { after, cancel, random, uptimeMs } from './engine.js';
import { beginFrame, crc32, endFrame, FRAME_OVERHEAD_BYTES, frameReader } from './frame.js';
import type { Link } from './links/link.js';
import * as machine from './state.js';
import type { Store } from './stores/store.js';
import type { Stream } from './stream.js';
import { putTable } from './table.js';
import * as wire from './wire.js';

// From store to link and back: the device's end of PROTOCOL.md §6. `state.ts` decides, this file does.
//
//   lowest ≤ sent ≤ high ≤ next          of each boot;  a block goes out while its first seq is below `limit`
//
// One frame is being written at a time; HELLO goes before TABLE, TABLE before DATA. One timer serves the deadline
// of the state and the linger of the open block.

export interface SessionOptions {
  link: Link;
  /** How long an event waits for others in the same block while there is a session; 1,000. */
  lingerMs?: number;
  /** How long an answer is awaited before the device asks; 5,000. */
  ackTimeoutMs?: number;
  /** The first wait before the link is opened again, 500; it doubles up to `retryBackoffMaxMs`, 30,000. */
  retryBackoffMs?: number;
  retryBackoffMaxMs?: number;
  /** The largest frame that is read, 128. */
  frameBytesMax?: number;
  /** HELLO's flags, as in wire.ts. */
  flags?: number;
}

const UNANSWERED_MAX = 4;
const SILENCE_MS = 1000;
const TIMER_MS_MAX = 2 ** 30;

export function session(
  options: SessionOptions,
  device: string,
  streams: readonly Stream[],
  tableId: ArrayLike<number>,
  store: Store,
  block: Block,
  seal: () => void,
) {
  const {
    link,
    lingerMs = 1000,
    ackTimeoutMs = 5000,
    retryBackoffMs = 500,
    retryBackoffMaxMs = 30000,
    frameBytesMax = 128,
    flags = 0,
  } = options;
  const watchers: (() => void)[] = [];
  const boots = store.boots;
  let state: number = machine.CLOSED;
  let now = 0;
  let deadline = 0;
  let timer: unknown;
  let wakeAt = Infinity;
  let attempts = 0;
  let unanswered = 0;
  let broken = 0;

  let nonce = -1;
  let gapAt = -1;
  let helloDue = false;
  let tableDue = 0;

  // The largest body is a block with DATA's header, the table, or HELLO with the boots that a store holds.
  writeTo(new Uint8Array(0), 0);
  putTable(streams);
  const frame = new Uint8Array(
    Math.max(block.bytes.length, at, 120 + 24 * boots.length) + 32 + FRAME_OVERHEAD_BYTES,
  );
  let frameAt = 0;
  let frameEnd = 0;
  let framedAt = 0;
  let writing = false;

  /** Uptime, ms: whole, and never less than before. */
  const clock = () => (now = Math.max(now, Math.floor(uptimeMs())));

  const backoff = () =>
    Math.min(retryBackoffMs * 2 ** attempts++, retryBackoffMaxMs) * (0.5 + random() / 2);

  const finish = () => {
    frameEnd = endFrame(frame, now - framedAt >= SILENCE_MS);
    frameAt = 0;
    framedAt = now;
  };

  const sayHello = () => {
    helloDue = false;
    nonce = Math.floor(random() * 2 ** 32);
    beginFrame(frame, wire.HELLO);
    put(wire.VERSION);
    text(device);
    head(0, flags | store.flags);
    head(0, frameBytesMax);
    head(0, nonce);
    head(0, now);
    head(128, 1);
    head(64, wire.TABLE_ID_BYTES);
    for (let index = 0; index < wire.TABLE_ID_BYTES; ) put(tableId[index++]!);
    head(128, boots.length);
    for (const boot of boots) {
      head(128, 4);
      if (boot.boot) head(0, boot.boot);
      else put(246);
      head(0, boot.lowest);
      head(0, boot.next);
      const { first, bytes, start, end } = store.read(boot, 0) || { first: 1 };
      // A range of lost events has no fingerprint: the block of that seq is no longer held.
      if (first || bytes![start!] === 0x81) put(246);
      else head(0, crc32(bytes!, start!, end!));
    }
    finish();
  };

  const sendTable = () => {
    tableDue = 0;
    beginFrame(frame, wire.TABLE);
    put(0);
    const start = at;
    putTable(streams);
    const length = at - start;
    writeTo(frame, start);
    head(64, length);
    putTable(streams);
    finish();
  };

  /** Makes the next frame of the oldest boot, unless there is none or no credit for it. */
  const sendBlock = () => {
    const [boot] = boots;
    const entry = store.read(boot, boot.sent);
    if (!boot.boot || !entry || entry.first >= boot.limit) return false;
    beginFrame(frame, wire.DATA);
    head(0, boot.boot);
    head(0, entry.first);
    head(0, entry.count);
    put(0);
    head(0, now);
    for (let index = entry.start; index < entry.end; ) put(entry.bytes[index++]!);
    boot.sent = entry.first + entry.count;
    boot.high = Math.max(boot.high, boot.sent);
    finish();
    return true;
  };

  /** Writes what the link takes: the rest of a frame, then one frame after the other. */
  const pump = () => {
    if (writing) return;
    writing = true;
    for (;;) {
      if (frameAt < frameEnd) {
        const taken = link.write(frame.subarray(frameAt, frameEnd));
        if (!(taken > 0)) break;
        frameAt += taken;
      } else if (helloDue) sayHello();
      else if (state !== machine.READY) break;
      else if (tableDue) sendTable();
      else if (!sendBlock()) break;
    }
    writing = false;
  };

  /** [W-23] While a block is held, something is awaited. */
  const send = () => {
    pump();
    if (!store.read(boots[0], 0)) deadline = Infinity;
    else if (deadline === Infinity) deadline = now + ackTimeoutMs;
  };

  const greet = () => {
    unanswered++;
    helloDue = true;
    deadline = now + ackTimeoutMs;
    pump();
  };

  const backOff = () => {
    deadline = now + backoff();
  };

  const giveUp = () => {
    state = machine.CLOSED;
    backOff();
    link.close();
  };

  const does: Record<number, () => void> = {
    [machine.OPEN]() {
      deadline = now + ackTimeoutMs;
      link.open({ up, down, data, ready });
    },
    [machine.GREET]: greet,
    [machine.GREET_AGAIN]() {
      if (unanswered < UNANSWERED_MAX) greet();
      else giveUp();
    },
    [machine.BACK_OFF]: backOff,
    [machine.GIVE_UP]: giveUp,
    [machine.TAKE]() {
      item();
      item();
      item();
      tableDue = item();
      let lacking = tableDue;
      while (lacking-- > 0 && item() >= 0);
      item();
      for (const boot of boots) {
        item();
        const number = item();
        const next = item();
        const limit = item();
        if (next <= boot.next && limit >= 0) {
          boot.boot = number;
          boot.sent = next;
          boot.limit = limit;
        }
      }
      for (const boot of boots) store.forget(boot, boot.sent);
      attempts = unanswered = 0;
      gapAt = -1;
      deadline = Infinity;
      send();
    },
    [machine.FORGET]() {
      const [boot] = boots;
      const number = item();
      const next = item();
      const limit = item();
      const gap = item();
      if (number !== boot.boot || !(next <= boot.high)) return;
      if (next > boot.lowest || limit > boot.limit) deadline = Infinity;
      if (limit > boot.limit) boot.limit = limit;
      if (next >= boot.lowest) {
        store.forget(boot, next);
        if (gap && next !== gapAt) boot.sent = gapAt = next;
        else boot.sent = Math.max(boot.sent, next);
      }
      send();
    },
    [machine.WAIT]() {
      unanswered = 0;
      item();
      deadline = now + (item() || 0) + backoff();
    },
    [machine.SEND]: send,
  };

  const step = (event: number) => {
    clock();
    const action = machine.actions[state]![event]!;
    if (action) {
      state = machine.ends[action]!;
      does[action]!();
      arm();
    }
  };

  const up = () => {
    frameAt = frameEnd = unanswered = 0;
    framedAt = -SILENCE_MS;
    step(machine.UP);
  };
  const down = () => step(machine.DOWN);
  const ready = () => {
    clock();
    pump();
    step(machine.BLOCK);
  };
  const data = frameReader(
    frameBytesMax,
    () => {
      const type = item();
      if (type === wire.WELCOME) {
        if (item() === wire.VERSION && item() === nonce) step(machine.WELCOMED);
      } else if (type === wire.ACK) step(machine.ACKED);
      else if (type === wire.RESET) step(machine.WAS_RESET);
      for (const watcher of watchers.slice()) watcher();
    },
    () => broken++,
  );

  const tick = () => {
    wakeAt = Infinity;
    clock();
    if (now >= lingerEnd()) seal();
    if (now >= deadline) step(machine.TIMER);
    arm();
  };

  /** When the open block is sealed though it is not full: only where it can be sent. */
  const lingerEnd = () =>
    state === machine.READY && block.count ? block.base + lingerMs : Infinity;

  const arm = () => {
    const due = Math.min(deadline, lingerEnd());
    if (due < wakeAt) {
      if (timer) cancel(timer);
      wakeAt = due;
      timer = after(Math.min(Math.max(due - now, 0), TIMER_MS_MAX), tick);
    }
  };

  // [W-25] The first opening waits too: a hall after a power cut, a device in a reset loop.
  deadline = clock() + random() * retryBackoffMs;
  arm();
  return { clock, step, arm, watchers, readState: () => state, readBroken: () => broken };
}
