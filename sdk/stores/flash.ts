import { beginWith, fingerprint, lingerOffline, next, sealed } from '../block.js';
import { at, integer, item, name, put, putBytes, readAt, takeBytes, writeTo } from '../cbor.js';
import { crc32 } from '../engine.js';
import { frame } from '../frame.js';
import { BLOCK_BYTES_MAX, ENTRY_HEAD_BYTES } from '../limits.js';
import { streams } from '../options.js';
import { acknowledged, boot, described, drain, greet, persist } from '../session.js';
import type { Field, Stream } from '../stream.js';
import { putDescription } from '../table.js';
import { table } from '../table-id.js';
import type { Region } from './region.js';
import {
  begin,
  copy,
  count,
  end,
  highest,
  newest,
  number,
  oldest,
  open,
  record,
  rest,
  rewind,
  sector,
  seen,
  size,
  step,
  takeUp,
} from './ring.js';
import type { Store } from './store.js';

// Blocks in flash, STORES.md: they outlive the power, and so does what is needed to send them then: the boot's number and its
// table. Boots that are over are sent first, one at a time, the oldest first. What was acknowledged of a boot is not written. That nothing of
// it is held any more is written before the HELLO that no longer lists it, since the proxy then forgets its place ([W-30]); a new
// number, before it is used.

/** Records that are no blocks: what they say begins with one of these. */
const BOOT = 0;
const NUMBER = 1;
const DESCRIPTION = 2;

/** Boots listed before the running one: WELCOME fits the frame that the device reads, and HELLO the one it writes. */
const LISTED_MAX = 4;

interface Boot {
  /** What its records call it. */
  id: number;
  /** What the proxy calls it; 0: it was sent to its end. */
  number: number;
  table: string;
  lowest: number;
  next: number;
  fingerprint: number;
}

const bootOf = (id: number, called: number, ofTable: string): Boot => ({
  id,
  number: called,
  table: ofTable,
  lowest: 0,
  next: 0,
  fingerprint: 0,
});

/** Text, where the reader stands. */
const takeText = (): string => {
  let text = '';
  for (let length = item(); length--; ) text += String.fromCharCode(takeBytes(1));
  return text;
};

/** A stream as its description says it. */
const takeStream = (): Stream => {
  const itsName = takeText();
  const fields: Record<string, Field<unknown>> = {};
  while (readAt < size) fields[takeText()] = item();
  return { name: itsName, fields, index: 0 };
};

/**
 * A store in the sectors of a region; where it is full it gives up the oldest. undefined where a newer format is kept there, which stays
 * as it is: the device then keeps its events in RAM.
 */
export const flash = (region: Region): Store | undefined => {
  if (!takeUp(region)) return;
  /** The boots that are over and of which blocks are held, the oldest first. */
  let past: Boot[] = [];
  const own = bootOf(0, 0, '');
  let source = own;
  /** The table whose descriptions lie in the newest sector. */
  let tableHere: string | undefined;
  let isStarted = false;
  /** Whether the newest sector says whose blocks follow. */
  let isReady = false;
  /** Events given up since `append` said how many. */
  let gone = 0;
  /** Whether the walk stands at the block that was found. */
  let isFound = false;
  /** The boot of the blocks that are walked over. */
  let id: number;

  const restart = () => {
    isFound = false;
    rewind();
  };

  const nextBlock = (): boolean => {
    while (step()) {
      if (count) return true;
      if (takeBytes(1) === BOOT) id = number;
    }
    return false;
  };

  /** Finds out what is held. */
  const scan = () => {
    const boots: Boot[] = [];
    let current = own;
    let walked = -1;
    let isDescribed = false;
    restart();
    while (step()) {
      if (sector > walked) {
        walked = sector;
        tableHere = undefined;
        isDescribed = false;
      }
      if (count) {
        if (!current.next) current.lowest = number;
        if (!number) current.fingerprint = crc32(record, ENTRY_HEAD_BYTES, size);
        current.next = number + count;
        continue;
      }
      const kind = takeBytes(1);
      if (kind === DESCRIPTION) isDescribed = true;
      else {
        const called = takeBytes(4);
        const known = boots.filter((one) => one.id === number)[0];
        seen(number);
        seen(called);
        if (known) known.number = called;
        if (kind === BOOT) {
          const itsTable = takeText();
          current = known || bootOf(number, called, itsTable);
          if (!known) boots.push(current);
          if (isDescribed) tableHere = itsTable;
          isDescribed = false;
        }
      }
    }
    // A sector in which nothing was written yet.
    if (sector > walked) tableHere = undefined;
    past = boots.filter(
      (one) => one.number && one.next && one.id !== own.id && one.id !== source.id,
    );
    // What of it was given up meanwhile is sent as lost.
    if (source !== own) past.unshift(source);
  };

  /** Events that are given up with the sector that is used next. */
  const doomed = (): number => {
    let events = 0;
    restart();
    if (newest - oldest + 1 === region.sectors) {
      const last = oldest;
      while (nextBlock() && sector === last) {
        const held = id === own.id || past.some((one) => one.id === id);
        const place = id === source.id ? acknowledged : 0;
        if (held) events += Math.max(0, number + count - Math.max(number, place));
      }
      restart();
    }
    return events;
  };

  /** Says in the newest sector whose blocks follow; false: it does not fit. */
  const announce = (): boolean => {
    const isDescribed =
      tableHere === table ||
      streams.every((stream, index) => {
        begin(index, 0);
        put(DESCRIPTION);
        putDescription(stream);
        return end();
      });
    begin(own.id, 0);
    put(BOOT);
    putBytes(own.number, 4);
    name(table);
    isReady = isDescribed && end();
    if (isReady) tableHere = table;
    return isReady;
  };

  const renew = () => {
    gone += doomed();
    open();
    tableHere = undefined;
    announce();
    if (past.length) scan();
  };

  /** [W-2] The boot's number is in the flash before anything is stored or sent under it. */
  const start = () => {
    if (!isStarted && !announce()) renew();
    isStarted = true;
  };

  const putNumber = (held: Boot) => {
    begin(held.id, 0);
    put(NUMBER);
    putBytes(held.number, 4);
    return end();
  };

  const writeNumber = (held: Boot, called: number) => {
    held.number = called;
    seen(called);
    if (!putNumber(held)) {
      renew();
      putNumber(held);
    }
  };

  const turn = () => {
    source = past[0] || own;
    isFound = false;
    drain(source.number, source.lowest, source === own);
  };

  const putBoot = (one: Boot) => {
    put(0x84);
    integer(one.number);
    integer(one === source ? acknowledged : one.lowest);
    integer(one === own ? sealed : one.next);
    integer(one === own ? fingerprint : one.fingerprint);
  };

  scan();
  own.id = own.number = highest + 1;
  seen(own.id);
  const prior = past[past.length - 1];
  turn();
  lingerOffline();
  beginWith(() => {
    if (prior && !next) {
      put(0x82);
      integer(prior.number);
      integer(prior.next);
    }
    return 0;
  });
  persist(
    (place) => (source === own ? sealed : Math.max(source.next, place || 0)),
    () => {
      if (source === own) return streams[described];
      let stream: Stream | undefined;
      restart();
      while (step()) {
        const kind = count || takeBytes(1);
        if (!count && kind === DESCRIPTION) {
          if (!number) stream = undefined;
          if (number === described) stream = takeStream();
        } else if (!count && kind === BOOT) {
          takeBytes(4);
          if (takeText() === source.table && stream) return stream;
          stream = undefined;
        }
      }
      return undefined;
    },
    () => {
      const position = at;
      start();
      writeTo(frame, position);
      put(129);
      name(source === own ? table : source.table);
      const listed = past.slice(0, LISTED_MAX).concat(own);
      put(128 + listed.length);
      listed.forEach(putBoot);
    },
  );

  return {
    kind: 'flash',
    room() {
      start();
      // A sector is used before it must be where that costs nothing.
      if (rest() < ENTRY_HEAD_BYTES + BLOCK_BYTES_MAX && !doomed()) renew();
      return rest();
    },
    append(entry, events) {
      const append = () => {
        copy(entry);
        return isReady && end();
      };
      start();
      if (!append()) {
        renew();
        if (!append()) gone += events;
      }
      const dropped = gone;
      gone = 0;
      return dropped;
    },
    find(seq, last) {
      if (!isFound || number > seq) restart();
      else if (number + count > seq) return number;
      while (nextBlock()) {
        isFound = id === source.id && number + count > seq;
        if (isFound) return number;
      }
      // The walk stands behind the last record, and what was read there has spoiled the one before.
      isFound = false;
      return last;
    },
    put() {
      integer(count);
      record.subarray(ENTRY_HEAD_BYTES, size).forEach(put);
      return number + count;
    },
    forget(seq) {
      // [S-4] Two of one number nobody would tell apart, and above it there must be others for the boots to come.
      if (boot && boot < 4e9 && past.concat(own).every((one) => one.number !== boot)) {
        writeNumber(source, boot);
      } else drain(source.number, seq, source === own);
      // The proxy tells older boots by their numbers, and nothing was sent under this one yet.
      if (boot > own.number) writeNumber(own, boot + 1);
      if (source !== own && seq >= source.next) {
        writeNumber(source, 0);
        past.shift();
        turn();
        greet();
      }
    },
  };
};
