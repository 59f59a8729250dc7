import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Outcomes } from '../outcomes.js';
import { Bus } from './bus.js';
import { OpenError, type OpenPort, type OpenTrouble, type PortInfo, type Ports } from './ports.js';
import type { LineSettings } from './settings.js';

// Keeps the configured serial lines open: each is opened when it is there, given up when it goes, and taken up again when
// it is back, under another name too where a USB rule names it. What changes is said once. Knows bytes only.

export interface Line {
  readonly path: string;
  /** Takes all of it, or drops it where the far end has not read for too long: false. */
  write(bytes: Uint8Array): boolean;
  /** It has flow control: while it is paused its far end sends nothing. */
  readonly stops: boolean;
  pause(): void;
  resume(): void;
}

export interface LineHandler {
  received(bytes: Uint8Array): void;
  closed(): void;
}

export interface LinesOptions<Entry extends LineSettings = LineSettings> {
  settings: readonly Entry[];
  ports: Ports;
  clock: Clock;
  log: Log;
  outcomes: Outcomes;
  /** `entry`: what the configuration says of it. */
  opened(line: Line, entry: Entry): LineHandler;
  /** A line that is a bus was opened, each time; for requests of other protocols. */
  bus?(path: string, settings: LineSettings, bus: Bus): void;
}

/** `paused`: left to another program, as for an update of a board's firmware. */
export type LineState = 'open' | 'paused' | OpenTrouble;

export interface Lines {
  /** By path: those that are named, and those that a rule found. */
  states(): ReadonlyMap<string, LineState>;
  /** Gives a line free until `resume`; false where there is none of that path. */
  pause(path: string): Promise<boolean>;
  resume(path: string): boolean;
  close(): Promise<void>;
}

const lookMs = 1_000;
/** What a far end may leave unread: at 115,200 baud a third of a second. */
const unwrittenBytesMax = 4_096;

interface Kept {
  state: LineState | null;
  opening: boolean;
  port: OpenPort | null;
  handler: LineHandler | null;
  /** Drops that a scan has found. */
  readonly found: Set<number>;
}

/** Answers when each line that is there was tried once. */
export async function keepLines<Entry extends LineSettings>(
  options: LinesOptions<Entry>,
): Promise<Lines> {
  const { settings, ports, clock, log, outcomes } = options;
  const kept = new Map<string, Kept>();
  let closing = false;
  let cancel = () => {};
  let listTrouble = '';

  const say = (path: string, line: Kept, state: LineState, why: string) => {
    if (line.state === state) return;
    line.state = state;
    // A line that is not there yet is no trouble: an adapter may come any time.
    if (state === 'absent') log.info({ path }, `line ${path}: ${why}; opened when it appears`);
    else if (state !== 'open') outcomes.count(`line-${state}`, { path, why }, path);
  };

  const tryOpen = async (path: string, entry: Entry) => {
    const line = kept.get(path) ?? newLine();
    kept.set(path, line);
    if (line.opening || line.port !== null || isPaused(line)) return;
    line.opening = true;
    const port = await ports
      .open(path, entry, {
        data: (bytes) => line.handler?.received(bytes),
        lost: () => lose(path, line),
      })
      .catch((error: unknown) => {
        if (error instanceof OpenError) say(path, line, error.trouble, error.message);
        else say(path, line, 'unfit', `${error}`);
        return null;
      });
    line.opening = false;
    if (port === null) return;
    if (closing || isPaused(line)) {
      await port.close();
      return;
    }
    line.port = port;
    say(path, line, 'open', '');
    log.info({ path, baudRate: entry.baudRate }, `line ${path}: opened`);
    const opened: Line = {
      path,
      stops: entry.flowControl === 'rts-cts',
      write: (bytes) => write(line, bytes),
      pause: () => line.port?.pause(),
      resume: () => line.port?.resume(),
    };
    const isBus = entry.bus !== undefined;
    line.handler = isBus ? bus(opened, port, entry, line.found) : options.opened(opened, entry);
  };

  const bus = (line: Line, port: OpenPort, entry: Entry, found: Set<number>) => {
    const { baudRate, parity, stopBits, bus: settings } = entry;
    const byteMs = (1_000 / baudRate) * (1 + 8 + (parity === 'none' ? 0 : 1) + stopBits);
    const made = new Bus({
      ...{ settings: settings!, clock, log, outcomes, found },
      opened: (drop) => options.opened(drop, entry),
      line: {
        ...line,
        byteMs,
        // An adapter may say that it has sent what it still holds.
        sent: (bytes) =>
          Promise.all([
            port.drained(),
            new Promise<void>((gone) => clock.after(bytes * byteMs, gone)),
          ]).then(() => {}),
        drive: (on) => port.setRts(on),
      },
    });
    options.bus?.(line.path, entry, made);
    return made;
  };

  const write = ({ port }: Kept, bytes: Uint8Array) => {
    if (port === null) return true;
    if (port.unwrittenBytes + bytes.length > unwrittenBytesMax) return false;
    port.write(bytes);
    return true;
  };

  const release = async (line: Kept) => {
    const { port, handler } = line;
    line.port = null;
    line.handler = null;
    await port?.close();
    handler?.closed();
  };

  const lose = (path: string, line: Kept) => {
    line.port = null;
    line.state = null;
    const { handler } = line;
    line.handler = null;
    outcomes.count('line-lost', { path });
    handler?.closed();
  };

  const listed = async (): Promise<PortInfo[]> => {
    if (!settings.some(({ usb }) => usb !== undefined)) return [];
    try {
      const found = await ports.list();
      listTrouble = '';
      return found;
    } catch (error) {
      const why = error instanceof Error ? error.message : `${error}`;
      if (why !== listTrouble) outcomes.count('lines-not-listed', { why });
      listTrouble = why;
      return [];
    }
  };

  const look = async () => {
    const found = await listed();
    if (closing) return;
    const wanted = new Map<string, Entry>();
    for (const entry of settings) {
      if (entry.path !== undefined) wanted.set(entry.path, entry);
      for (const port of found) {
        if (matches(entry, port) && !wanted.has(port.path)) wanted.set(port.path, entry);
      }
    }
    // One that a rule found and that is gone is forgotten: it may come back under another name.
    for (const [path, line] of kept) {
      const isIdle = line.port === null && !line.opening && !isPaused(line);
      if (!wanted.has(path) && isIdle) kept.delete(path);
    }
    await Promise.all([...wanted].map(([path, entry]) => tryOpen(path, entry)));
    if (!closing) cancel = clock.after(lookMs, () => void look());
  };
  await look();

  return {
    states: () =>
      new Map([...kept].map(([path, { state }]) => [path, state ?? ('absent' as const)])),
    async pause(path) {
      const line = kept.get(path);
      if (line === undefined) return false;
      line.state = 'paused';
      await release(line);
      log.info({ path }, `line ${path}: paused; another program may have it`);
      return true;
    },
    resume(path) {
      const line = kept.get(path);
      if (line !== undefined && isPaused(line)) line.state = null;
      return line !== undefined;
    },
    async close() {
      closing = true;
      cancel();
      for (const line of kept.values()) await release(line);
    },
  };
}

const newLine = (): Kept => ({
  ...{ state: null, opening: false, port: null, handler: null },
  found: new Set(),
});

const isPaused = ({ state }: Kept) => state === 'paused';

/** Where a rule names no serial number, all adapters of a kind are lines. */
export function matches({ usb }: LineSettings, port: PortInfo): boolean {
  if (usb === undefined || port.vendorId !== usb.vendorId) return false;
  if (usb.productId !== undefined && port.productId !== usb.productId) return false;
  return usb.serialNumber === undefined || port.serialNumber === usb.serialNumber;
}
