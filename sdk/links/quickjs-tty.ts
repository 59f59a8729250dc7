import { close, exec, open, read, setReadHandler, setTimeout, setWriteHandler, write } from 'os';
import type { Link, LinkEvents } from './link.js';

// A serial line, by QuickJS's module `os` on Linux. `os.ttySetRaw` would not do: it leaves OPOST and ISIG on, so that 0x0a
// goes out as 0x0d 0x0a, and 0x03, 0x1a and 0x1c never come in. `stty` is asked instead, which sets the speed as well.
// The terminal is opened O_NONBLOCK: a line that is not read holds up no timer.

declare module 'os' {
  export function open(path: string, flags: number): number;
  export function close(handle: number): number;
  export function read(handle: number, buffer: ArrayBufferLike, at: number, length: number): number;
  export function write(
    handle: number,
    buffer: ArrayBufferLike,
    at: number,
    length: number,
  ): number;
  export function setReadHandler(handle: number, task: (() => void) | null): void;
  export function setWriteHandler(handle: number, task: (() => void) | null): void;
  export function exec(words: string[], options: { stdin: number; stderr?: number }): number;
}

/** O_RDWR, O_NOCTTY and O_NONBLOCK of Linux. */
const FLAGS = 0x902;
const EAGAIN = -11;

/** `tty('/dev/ttyUSB0', 115200)` */
export function tty(path: string, baud: number): Link {
  const buffer = new Uint8Array(256);
  let handle = -1;
  /** Counts openings and closings: what belongs to a former one tells nothing. */
  let turn = 0;
  let told: LinkEvents;
  const shut = () => {
    turn++;
    if (handle < 0) return;
    setReadHandler(handle, null);
    setWriteHandler(handle, null);
    close(handle);
    handle = -1;
  };
  const down = () => {
    shut();
    told.down();
  };
  const receive = () => {
    const length = read(handle, buffer.buffer, 0, buffer.length);
    if (length > 0) told.data(buffer.subarray(0, length));
    // 0, or an error: the line is hung up.
    else if (length !== EAGAIN) down();
  };
  return {
    open(events) {
      shut();
      told = events;
      const mine = turn;
      handle = open(path, FLAGS);
      const isRaw =
        handle >= 0 && !exec(['stty', 'raw', '-echo', 'clocal', `${baud}`], { stdin: handle });
      setTimeout(() => {
        if (turn !== mine) return;
        if (!isRaw) return down();
        setReadHandler(handle, receive);
        events.up();
      }, 0);
    },
    write(bytes) {
      if (handle < 0 || !bytes.length) return 0;
      const taken = Math.max(write(handle, bytes.buffer, bytes.byteOffset, bytes.length), 0);
      // Where the line is gone, its handler for reading says so.
      if (taken < bytes.length) {
        const { ready } = told;
        setWriteHandler(handle, () => {
          setWriteHandler(handle, null);
          ready();
        });
      }
      return taken;
    },
    close: shut,
  };
}
