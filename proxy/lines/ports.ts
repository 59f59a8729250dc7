import { existsSync } from 'node:fs';
import { autoDetect } from '@serialport/bindings-cpp';
import { SerialPortStream } from '@serialport/stream';
import type { LineSettings } from './settings.js';

// The machine's serial ports: the one file that knows @serialport. Passed in as clock and disk are: a
// pseudo-terminal has no USB identity and no RTS, so those are tested at this seam.

export interface PortInfo {
  path: string;
  /** Of the USB adapter: four hex digits, lower case. */
  vendorId: string | null;
  productId: string | null;
  serialNumber: string | null;
  manufacturer: string | null;
}

/** `absent`: no such file; `denied`: no permission; `busy`: another process has it; `unfit`: no serial port, or not at this rate. */
export type OpenTrouble = 'absent' | 'denied' | 'busy' | 'unfit';

export class OpenError extends Error {
  override name = 'OpenError';
  readonly trouble: OpenTrouble;
  constructor(trouble: OpenTrouble, message: string) {
    super(message);
    this.trouble = trouble;
  }
}

export interface OpenPort {
  /** Bytes that were written here and are not yet the system's. */
  readonly unwrittenBytes: number;
  write(bytes: Uint8Array): void;
  /** Leaves what comes to the system, which stops a far end that has flow control. */
  pause(): void;
  resume(): void;
  /** When the system has sent what was written, or can't. Rejects never. */
  drained(): Promise<void>;
  setRts(on: boolean): void;
  /** Nothing is reported behind it. Rejects never. */
  close(): Promise<void>;
}

export interface PortEvents {
  data(bytes: Uint8Array): void;
  /** The line went from under us: an adapter was pulled, a far end hung up. */
  lost(): void;
}

export type OpenSettings = Omit<LineSettings, 'path' | 'usb'>;

export interface Ports {
  /** Rejects where this machine can't list them: without udev, as in a container. */
  list(): Promise<PortInfo[]>;
  /** Rejects with an OpenError. */
  open(path: string, settings: OpenSettings, events: PortEvents): Promise<OpenPort>;
}

export function portsOfMachine(): Ports {
  const binding = autoDetect();
  return {
    async list() {
      const ports = await binding.list();
      return ports.map(({ path, vendorId, productId, serialNumber, manufacturer }) => ({
        path,
        vendorId: vendorId?.toLowerCase() ?? null,
        productId: productId?.toLowerCase() ?? null,
        serialNumber: serialNumber ?? null,
        manufacturer: manufacturer ?? null,
      }));
    },
    open: (path, settings, events) =>
      new Promise((resolve, reject) => {
        const { baudRate, parity, stopBits, flowControl } = settings;
        const port = new SerialPortStream({
          ...{ binding, path, baudRate, parity, stopBits, dataBits: 8, autoOpen: false },
          rtscts: flowControl === 'rts-cts',
          // A restart of this process must not reset the boards that take a falling DTR for a reset.
          hupcl: false,
        });
        let isOurs = true;
        port.on('data', (bytes: Uint8Array) => {
          if (isOurs) events.data(bytes);
        });
        // What fails closes the port, and 'close' says so.
        port.on('error', () => {});
        port.on('close', () => {
          if (isOurs) events.lost();
          isOurs = false;
        });
        port.open((error) => {
          if (error) reject(openError(path, error));
          else {
            resolve({
              get unwrittenBytes() {
                return port.writableLength;
              },
              write(bytes) {
                if (port.isOpen) port.write(bytes);
              },
              pause: () => void port.pause(),
              resume: () => void port.resume(),
              drained: () =>
                new Promise((sent) => {
                  if (port.isOpen) port.drain(() => sent());
                  else sent();
                }),
              setRts(on) {
                if (port.isOpen) port.set({ rts: on });
              },
              close: () =>
                new Promise((closed) => {
                  isOurs = false;
                  if (port.isOpen) port.close(() => closed());
                  else closed();
                }),
            });
          }
        });
      }),
  };
}

/** The binding gives a text only: errno's words, and its own. */
function openError(path: string, { message }: Error): OpenError {
  if (/permission denied/i.test(message)) {
    return new OpenError('denied', 'permission denied: add this user to the group that owns it');
  }
  if (/cannot lock|resource busy|device or resource busy/i.test(message)) {
    return new OpenError('busy', 'another process has it');
  }
  if (!existsSync(path)) return new OpenError('absent', 'there is no such file');
  if (/inappropriate ioctl/i.test(message)) return new OpenError('unfit', 'it is no serial line');
  return new OpenError('unfit', message.replace(/^Error:? */, ''));
}
