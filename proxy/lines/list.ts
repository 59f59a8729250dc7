import { setTimeout as sleep } from 'node:timers/promises';
import { RESET_NO_SESSION } from '../../sdk/wire.js';
import { complain } from '../complain.js';
import { checkFrame, encodeFrame, FrameReader } from '../frame.js';
import { decodeMessage, encodeReset } from '../message.js';
import { terminalText } from '../terminal-text.js';
import { OpenError, type PortInfo, portsOfMachine } from './ports.js';
import { lineSettings } from './settings.js';

// `headwater ports`: the lines of this machine, and what answers on them. A device says HELLO where it is told that it has no
// session; that costs it nothing else ([W-32]).

export interface ListOptions {
  /** None: all that the machine lists. */
  paths: string[];
  baudRate: number;
  seconds: number;
  json?: boolean;
}

export interface Answer {
  path: string;
  /** As the adapter calls itself. */
  usb: string | null;
  state:
    | 'device'
    | 'frames'
    | 'text'
    | 'garbage'
    | 'silent'
    | 'absent'
    | 'denied'
    | 'busy'
    | 'unfit';
  text: string;
}

/** Answers the exit code: 0 done, 1 where this machine can't list its lines, 2 for wrong use. */
export async function listCommand(options: ListOptions): Promise<number> {
  const settings = lineSettings.safeParse({ path: '-', baudRate: options.baudRate });
  if (!settings.success) return complain(`--baud-rate: from 300 to 4,000,000`, 2);
  if (!(options.seconds >= 0)) return complain('--seconds: a number, 0 to look at nothing', 2);
  const ports = portsOfMachine();
  const listed = await ports.list().catch((error: Error) => error);
  if (listed instanceof Error && options.paths.length === 0) {
    const why = `this machine can't list its lines (${listed.message}; udev is missing?)`;
    return complain(`${why}; name them: headwater ports /dev/ttyUSB0`, 1);
  }
  const known = listed instanceof Error ? [] : listed;
  const wanted =
    options.paths.length === 0
      ? known
      : options.paths.map((path) => known.find((port) => port.path === path) ?? nameless(path));
  if (wanted.length === 0) process.stderr.write('no serial line on this machine\n');
  else if (options.seconds > 0) {
    process.stderr.write(`listening on ${wanted.length} for ${options.seconds} s …\n`);
  }
  const answers = await Promise.all(
    wanted.map(async (port): Promise<Answer> => {
      const usb = port.vendorId === null ? null : usbText(port);
      return { path: port.path, usb, ...(await ask(port.path, options)) };
    }),
  );
  if (options.json === true) process.stdout.write(`${terminalText(JSON.stringify(answers))}\n`);
  else for (const answer of answers) process.stdout.write(`${lineOf(answer)}\n`);
  return 0;
}

async function ask(
  path: string,
  { baudRate, seconds }: ListOptions,
): Promise<Pick<Answer, 'state' | 'text'>> {
  let bytes = Buffer.alloc(0);
  let frames = 0;
  let device = '';
  const reader = new FrameReader({
    frame(frame) {
      const body = checkFrame(frame);
      if (typeof body === 'string') return;
      frames += 1;
      const message = decodeMessage(body);
      if (message.type === 'hello') device = message.device;
    },
    broken: () => {},
  });
  try {
    const port = await portsOfMachine().open(path, lineSettings.parse({ path, baudRate }), {
      data(chunk) {
        bytes = Buffer.concat([bytes, chunk]).subarray(-4_096);
        reader.push(chunk);
      },
      lost: () => {},
    });
    port.write(Uint8Array.from([0, ...encodeFrame(encodeReset(RESET_NO_SESSION, 0))]));
    for (let tenth = 0; tenth < seconds * 10 && device === ''; tenth++) await sleep(100);
    await port.close();
  } catch (error) {
    if (error instanceof OpenError) return { state: error.trouble, text: error.message };
    throw error;
  }
  if (device !== '') return { state: 'device', text: `device ${device}` };
  if (frames > 0) return { state: 'frames', text: `${frames} frames, and no HELLO yet` };
  if (bytes.length === 0) return { state: 'silent', text: `silent for ${seconds} s` };
  const printable = bytes
    .toString('latin1')
    .replace(/[^ -~]+/g, ' ')
    .trim();
  if (printable.length > bytes.length / 2) {
    return {
      state: 'text',
      text: `text, as of a console: ${JSON.stringify(printable.slice(-60))}`,
    };
  }
  return { state: 'garbage', text: `${bytes.length} B and no frame: another baud rate?` };
}

function nameless(path: string): PortInfo {
  return { path, vendorId: null, productId: null, serialNumber: null, manufacturer: null };
}

function usbText({ vendorId, productId, serialNumber, manufacturer }: PortInfo): string {
  return [`${vendorId}:${productId}`, manufacturer, serialNumber].filter(Boolean).join(' ');
}

/** What an adapter calls itself is as much its maker's word as what a device says. */
export function lineOf({ path, usb, text }: Pick<Answer, 'path' | 'usb' | 'text'>): string {
  return terminalText([path.padEnd(16), ...(usb === null ? [] : [usb]), text].join('  '));
}
