import {
  type Borrowed,
  type Clock,
  type ModbusMeter,
  type ModbusRegister,
  registersOf,
} from 'headwater/lines';
import modbus from 'jsmodbus';
import { ModbusWire } from './modbus-wire.js';

// From a meter's registers to the values of one event: which requests it takes, one at a time over a borrowed bus, and what the bytes of
// the answers say. Frames, CRC and time-outs are jsmodbus's.

/** Neighbours of one kind, read at once. */
export interface Span {
  kind: ModbusRegister['kind'];
  at: number;
  /** Registers, or bits. */
  count: number;
  registers: ModbusRegister[];
}

/** `cut-short` and the like are silence too: the library waits for the rest. */
export type Failure = 'silent' | 'exception' | 'crc' | 'wrong-answer';

export class ReadError extends Error {
  override name = 'ReadError';
  readonly failure: Failure;
  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export type Values = Record<string, number | boolean | null>;

const reads = {
  holding: 'readHoldingRegisters',
  input: 'readInputRegisters',
  coil: 'readCoils',
  discrete: 'readDiscreteInputs',
} as const;

/** Registers that nobody named are never read: a meter may refuse them. The 32 fields of a stream are 64 at most, and a request takes 125. */
export function spansOf(registers: readonly ModbusRegister[]): Span[] {
  const spans: Span[] = [];
  const byPlace = (a: ModbusRegister, b: ModbusRegister) =>
    a.kind === b.kind ? a.at - b.at : a.kind < b.kind ? -1 : 1;
  for (const register of [...registers].sort(byPlace)) {
    const { kind, at, type } = register;
    const span = spans.at(-1);
    const end = at + registersOf[type];
    const isNext = span?.kind === kind && at <= span.at + span.count;
    if (span === undefined || !isNext) {
      spans.push({ kind, at, count: registersOf[type], registers: [register] });
    } else {
      span.count = Math.max(span.count, end - span.at);
      span.registers.push(register);
    }
  }
  return spans;
}

/** Rejects with a ReadError. */
export async function readSpan(
  bus: Borrowed,
  { address, answerTimeoutMs }: ModbusMeter,
  { kind, at, count }: Span,
  clock: Clock,
): Promise<Buffer> {
  // A Modbus device takes a pause of 3.5 bytes, from 19,200 baud on 1.75 ms, for the beginning of a frame.
  await new Promise<void>((go) => clock.after(Math.max(1.75, 3.5 * bus.byteMs), go));
  const bytes = kind === 'coil' || kind === 'discrete' ? Math.ceil(count / 8) : 2 * count;
  const timeoutMs = Math.ceil(answerTimeoutMs + (8 + 5 + bytes) * bus.byteMs);
  const wire = new ModbusWire(bus, address);
  // Typed for the package serialport, which is not here; any Duplex does.
  const client = new modbus.client.RTU(wire as never, address, timeoutMs);
  try {
    const { response } = await Promise.race([client[reads[kind]](at, count), wire.unreadable]);
    const content = response.body.valuesAsBuffer;
    if (content.length !== bytes) {
      throw new ReadError('wrong-answer', `${content.length} bytes instead of ${bytes}`);
    }
    return content;
  } catch (error) {
    const { failure, message } = readError(error);
    const what = count === 1 ? `${kind} ${at}` : `${kind} ${at} to ${at + count - 1}`;
    throw new ReadError(failure, `${what}: ${message}`);
  } finally {
    wire.destroy();
  }
}

export function valuesOf({ kind, at, registers }: Span, content: Buffer): Values {
  const isBits = kind === 'coil' || kind === 'discrete';
  return Object.fromEntries(
    registers.map((register) => {
      const place = register.at - at;
      const value = isBits ? bitOf(content, place) : numberOf(register, content, 2 * place);
      return [register.name, value];
    }),
  );
}

function bitOf(content: Buffer, place: number): boolean {
  return ((content[place >> 3]! >> (place & 7)) & 1) === 1;
}

function numberOf({ type, wordOrder, decimals }: ModbusRegister, content: Buffer, at: number) {
  const bytes = Buffer.from(content.subarray(at, at + 2 * registersOf[type]));
  if (wordOrder === 'little' && bytes.length === 4) bytes.swap32().swap16();
  if (type === 'float32') return bytes.readFloatBE();
  const isSigned = type === 'int16' || type === 'int32';
  const whole = isSigned ? bytes.readIntBE(0, bytes.length) : bytes.readUIntBE(0, bytes.length);
  return whole / 10 ** (decimals ?? 0);
}

/** The library rejects with objects that are no errors. */
function readError(error: unknown): ReadError {
  if (error instanceof ReadError) return error;
  if (error instanceof Buffer) {
    const isException = (error[1] ?? 0) >= 0x80;
    if (isException) return new ReadError('exception', `exception of code ${error[2]}`);
    return new ReadError('wrong-answer', error.toString('hex'));
  }
  const { err, message } = error as { err?: string; message?: string };
  const failure: Failure =
    err === 'Timeout'
      ? 'silent'
      : err === 'ModbusException'
        ? 'exception'
        : err === 'crcMismatch'
          ? 'crc'
          : 'wrong-answer';
  return new ReadError(failure, message ?? `${error}`);
}
