import { fingerprint, lossReason, seal, sealed } from './block.js';
import { integer, item, name, put, putBytes } from './cbor.js';
import { after, cancel, clock, random } from './engine.js';
import { frame, putFrame, receiver } from './frame.js';
import { DOUBLINGS_MAX, FRAME_READ_BYTES_MAX } from './limits.js';
import { options, store, streams } from './options.js';
import { BLOCK, CLOSED, DOWN, GREETING, READY, TIMER, UP } from './state.js';
import type { Stream } from './stream.js';
import { putDescription } from './table.js';
import { table } from './table-id.js';
import {
  ACK,
  DATA,
  FLAG_PERSISTENT,
  HELLO,
  PROOF,
  RESET,
  TABLE,
  VERSION,
  WELCOME,
} from './wire.js';

// store → frame → link and back: the device's end of PROTOCOL.md §6. One frame is being written at a time; HELLO goes
// before TABLE, TABLE before DATA. One timer runs while something is awaited. What is sent lies below `limit`.

export let state = CLOSED;
/** The number of this run; 0 until the proxy has named it. */
export let boot = 0;
/** Everything below this seq is acknowledged. */
export let acknowledged = 0;

let sent = 0;
let limit = 0;
let frameAt = 0;
let frameEnd = 0;
/** Writes what is to be sent before any DATA: HELLO, or TABLE, of which a stream is described in each. */
let due: (() => void) | 0 = 0;
/** How many streams of the table were described. */
export let described: number;
let nonce: number;
/** Uptime of the last HELLO. */
export let greeted: number;
let attempts = 0;
/** Runs while something is awaited. */
let timer: unknown;
/** Reads WELCOME from its version on; nobody needs it unasked, so one item is as good as none. */
let welcomed: () => unknown = item;
// What the last message said, by the places of its items: RESET's retryMs is `next`, what WELCOME says to be lacking `flag`.
let next: number;
let credit: number;
let flag: number;

// Whose blocks are sent: the running boot's, unless a persistent store holds older ones. See `drain`.
let flags = 0;
/** What can be sent ends before it. A store may take a place beyond for the end of a boot that is over. */
let end = (_place?: number): number => sealed;
/** The next stream of its table to be described. */
let undescribed = (): Stream | undefined => streams[described];
/** HELLO's tables and boots: an array of one table, and one of one boot, which has four items. */
let putHeld = (): void => {
  put(129);
  name(table);
  putBytes(0x8184, 2);
  integer(boot);
  integer(acknowledged);
  integer(sealed);
  integer(fingerprint);
};

/** Has HELLO say one more flag, of wire.ts. */
export const announce = (flag: number): void => {
  flags |= flag;
};

/** Lets a persistent store say what is sent. */
export const persist = (
  storeEnd: typeof end,
  storeUndescribed: typeof undescribed,
  storePutHeld: typeof putHeld,
): void => {
  announce(FLAG_PERSISTENT);
  end = storeEnd;
  undescribed = storeUndescribed;
  putHeld = storePutHeld;
};

/** Whether it is the running boot whose blocks are sent. */
export let isRunning = true;

/** Has the blocks of a boot sent from a place on; to be followed by a HELLO. */
export const drain = (bootToSend: number, place: number, running: boolean): void => {
  boot = bootToSend;
  acknowledged = place;
  isRunning = running;
};

const putHello = (): void => {
  due = 0;
  nonce = (random() * 4e9) >>> 0;
  put(HELLO);
  put(VERSION);
  name(options.device);
  put(flags);
  integer(FRAME_READ_BYTES_MAX);
  integer(nonce);
  greeted = clock();
  integer(greeted);
  putHeld();
};

/** [W-15] One of the table's streams. */
const putTable = (): void => {
  putBytes(TABLE << 8, 2);
  integer(described);
  const stream = undescribed();
  // A store may have given it up since WELCOME, with the last block that needed it.
  if (stream) putDescription(stream);
  described++;
  if (!undescribed()) due = 0;
};

/** The next block, or what is lost before it. */
const putData = (): void => {
  const first = store.find(sent, end());
  put(DATA);
  integer(boot);
  integer(clock());
  put(0);
  if (first > sent) {
    integer(sent);
    integer(first - sent);
    put(129);
    put(lossReason);
    sent = first;
  } else {
    integer(first);
    sent = store.put();
  }
};

/** Writes what the link takes: the rest of a frame, then one frame after the other while credit lasts. */
const pump = (): void => {
  for (;;) {
    while (frameAt < frameEnd) {
      const taken = options.link.write(frame.subarray(frameAt, frameEnd));
      if (!taken) return;
      frameAt += taken;
    }
    const putItems = due || (sent < end() && sent < limit && putData);
    if (!putItems) return;
    frameAt = 0;
    frameEnd = putFrame(putItems);
  }
};

const wait = (ms: number): void => {
  cancel(timer);
  timer = after(step, ms);
};

const awaitAnswer = () => wait(options.ackTimeoutMs || 5000);

const open = (): void => {
  state = GREETING;
  // What a former connection was promised does not hold on this one.
  due = limit = 0;
  frameAt = frameEnd;
  awaitAnswer();
  options.link.open(events);
};

export const greet = (): void => {
  state = GREETING;
  due = putHello;
  limit = 0;
  awaitAnswer();
  pump();
};

/** [W-25] Before the first opening too: a hall after a power cut, a device in a reset loop. */
export const backOff = (retryMs: number): void => {
  state = CLOSED;
  options.link.close();
  wait(
    retryMs +
      ((options.retryBackoffMs || 500) *
        2 ** Math.min(attempts++, DOUBLINGS_MAX) *
        (1 + random())) /
        2,
  );
};

const take = (): void => {
  state = READY;
  // [W-21] It is the only answer to its HELLO.
  nonce = -1;
  // What is no number of 32 bits becomes one, since nobody would answer a HELLO that says another. 0 is none: HELLO asks for one again.
  boot = item() >>> 0;
  welcomed();
  sent = next;
  described = attempts = 0;
  due = flag && undescribed() ? putTable : 0;
  forget();
  seal();
};

const forget = (): void => {
  // [W-24]
  if (flag) sent = next;
  acknowledged = next;
  limit = credit;
  timer = cancel(timer);
  // A store that drained a boot to its end says HELLO with the next one.
  store.forget(next);
  transmit();
};

/** [W-23] While anything is not acknowledged, an answer is awaited. */
const transmit = (): void => {
  if (!timer && acknowledged < end()) awaitAnswer();
  pump();
};

/** What a state does at an event; 0: nothing, and it stays. */
const actions: readonly (((retryMs: number) => void) | 0)[][] = [
  // timer, up, WELCOME, down, block, ACK, RESET
  [open],
  [backOff, greet, take, backOff, pump, 0, backOff],
  [greet, greet, 0, backOff, transmit, forget, backOff],
];

/** A timer calls it with nothing. A message's second number comes with it: the ms that RESET asks to wait. */
export const step = (event?: number, retryMs?: number): void => {
  const action = actions[state]![event || TIMER];
  // RESET may ask for an hour. Of more the rest is waited, so that nobody silences a device for good.
  if (action) action(retryMs! % 4e6 || 0);
};

/** Has PROOF written before any TABLE and DATA. */
export const prove = (): void => {
  due = () => {
    due = 0;
    put(PROOF);
  };
};

/** To be called when something can be sent. */
export const ready = () => step(BLOCK);

/** Has a function called at each WELCOME, with its version as the next item to read. */
export const atWelcome = (read: () => void): void => {
  welcomed = read;
};

const onBody = (): void => {
  const type = item();
  const number = item();
  next = item();
  credit = item();
  flag = item();
  // [W-21] A place must be one that this device can have.
  if (
    type === RESET ||
    (next >= acknowledged &&
      (type === WELCOME
        ? number === nonce && next <= end(next)
        : type === ACK && number === boot && next <= sent))
  ) {
    step(type, next);
  }
};

const events = {
  up: () => step(UP),
  down: () => step(DOWN),
  ready,
  data: receiver(onBody),
};
