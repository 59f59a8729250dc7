import { createReadStream, createWriteStream, openSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { complain } from '../complain.js';
import { FrameReader } from '../frame.js';
import { type Described, Describer } from './describe.js';
import { OpenError, portsOfMachine } from './ports.js';
import { lineSettings } from './settings.js';

// `headwater monitor PORT`: what crosses a line, a line for each frame, with rates and errors; for a person with a cable in the hand.
// It has the line for itself and says nothing on it: it hears the end whose TX it is wired to.

export interface MonitorOptions {
  path: string | undefined;
  baudRate: number;
  capture?: string;
  read?: string;
  json?: boolean;
}

interface Sums {
  bytes: number;
  frames: number;
  broken: number;
}

/** Bits on the line for each byte: start, eight, stop. */
const bitsPerByte = 10;
const rateEveryMs = 10_000;

/** Answers the exit code: 0 at the end, 1 where the line can't be had, 2 for wrong use. */
export async function monitorCommand(options: MonitorOptions): Promise<number> {
  const { path, read } = options;
  if ((path === undefined) === (read === undefined)) {
    return complain('either a port, as /dev/ttyUSB0, or --read with a capture', 2);
  }
  return read === undefined ? listen(path ?? '', options) : replay(read, options);
}

class Monitor {
  readonly sums: Sums = { bytes: 0, frames: 0, broken: 0 };
  readonly #describer = new Describer();
  readonly #frames: FrameReader;
  #ms = 0;

  constructor(json: boolean) {
    const say = ({ what, text, isSound }: Described) => {
      if (isSound) this.sums.frames += 1;
      else this.sums.broken += 1;
      const line = json
        ? JSON.stringify({ ms: this.#ms, what, text, sound: isSound })
        : `${(this.#ms / 1000).toFixed(3).padStart(10)}  ${what.padEnd(8)} ${text}`;
      process.stdout.write(`${line}\n`);
    };
    this.#frames = new FrameReader({
      frame: (frame) => say(this.#describer.describe(frame)),
      broken: (why) => say({ what: 'broken', text: why, isSound: false }),
    });
  }

  /** `ms` since the start. */
  push(bytes: Uint8Array, ms: number): void {
    this.#ms = Math.round(ms);
    this.sums.bytes += bytes.length;
    this.#frames.push(bytes);
  }
}

async function listen(path: string, options: MonitorOptions): Promise<number> {
  const { baudRate, capture } = options;
  const settings = lineSettings.safeParse({ path, baudRate });
  if (!settings.success) return complain(`--baud-rate ${baudRate}: from 300 to 4,000,000`, 2);
  const monitor = new Monitor(options.json === true);
  const startMs = performance.now();
  let file: WriteStream | null = null;
  let end = (_why: string) => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const port = await portsOfMachine()
    .open(path, settings.data, {
      data(bytes) {
        const ms = performance.now() - startMs;
        file?.write(`${JSON.stringify({ ms, hex: Buffer.from(bytes).toString('hex') })}\n`);
        monitor.push(bytes, ms);
      },
      lost: () => end('the line is gone'),
    })
    .catch((error: unknown) => {
      if (error instanceof OpenError) return error;
      throw error;
    });
  if (port instanceof OpenError) return complain(`${path}: ${port.message}`, 1);
  // Behind the line, so that one that can't be had costs no capture of before.
  if (capture !== undefined) {
    try {
      file = createWriteStream(capture, { fd: openSync(capture, 'w') });
    } catch (error) {
      await port.close();
      return complain(`--capture ${capture}: ${(error as Error).message}`, 2);
    }
    file.write(`${JSON.stringify({ capture: 1, path, baudRate, startedAt: new Date() })}\n`);
    file.on('error', ({ message }) => end(`--capture ${capture}: ${message}`));
  }
  process.stderr.write(`listening on ${path} at ${baudRate} baud; Ctrl-C ends it\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(''));
  process.stdout.on('error', () => end('')); // `headwater monitor … | head` is through
  let before = { ...monitor.sums };
  const rates = setInterval(() => {
    const now = { ...monitor.sums };
    process.stderr.write(`${rateText(now, before, rateEveryMs, baudRate)}\n`);
    before = now;
  }, rateEveryMs);
  const why = await ended;
  clearInterval(rates);
  await port.close();
  if (file !== null) await finished(file.end()).catch(() => {});
  const ms = performance.now() - startMs;
  const none = { bytes: 0, frames: 0, broken: 0 };
  process.stderr.write(
    `${why === '' ? '' : `${why}; `}${rateText(monitor.sums, none, ms, baudRate)}\n`,
  );
  return why === '' ? 0 : 1;
}

async function replay(path: string, { json }: MonitorOptions): Promise<number> {
  const monitor = new Monitor(json === true);
  let ms = 0;
  let baudRate = 0;
  let number = 0;
  let isTorn = false;
  const wrong = () => complain(`${path}:${number}: this is no capture of headwater`, 2);
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (isTorn) return wrong();
      number += 1;
      const entry = entryOf(line);
      if (number === 1) {
        if (entry?.capture !== 1) return wrong();
        baudRate = Number(entry.baudRate);
      } else if (entry === null) isTorn = true;
      else {
        ms = Number(entry.ms);
        monitor.push(Buffer.from(String(entry.hex), 'hex'), ms);
      }
    }
  } catch (error) {
    return complain(`${path}: ${(error as Error).message}`, 2);
  }
  if (number === 0) return wrong();
  // A monitor that was killed while it wrote, or a disk that was full.
  const torn = isTorn ? 'the last line is torn; ' : '';
  const none = { bytes: 0, frames: 0, broken: 0 };
  process.stderr.write(`${torn}${rateText(monitor.sums, none, ms, baudRate)}\n`);
  return 0;
}

/** Null: it is none. */
function entryOf(line: string): Record<string, unknown> | null {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' ? (entry as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** "12.3 frames/s, 480 B/s, 4.2 % of the line, 0 broken of 123 frames" */
function rateText(now: Sums, before: Sums, ms: number, baudRate: number): string {
  const seconds = Math.max(ms, 1) / 1000;
  const bytes = now.bytes - before.bytes;
  const frames = now.frames - before.frames;
  const broken = now.broken - before.broken;
  const used = (100 * bytes * bitsPerByte) / (baudRate * seconds);
  return (
    `${(frames / seconds).toFixed(1)} frames/s, ${Math.round(bytes / seconds)} B/s, ` +
    `${used.toFixed(1)} % of the line, ${broken} broken of ${frames + broken} frames`
  );
}
