import type { Scheduler } from '../simulation/scheduler.js';
import type { SimulatedBus } from './simulated-bus.js';

// A Modbus RTU slave on a simulated bus, written from the specification alone ("MODBUS over serial line", V1.02): a frame begins and
// ends with a silence of 3.5 bytes, and whatever is not for it, or has a wrong CRC, it does not answer.

export class SimulatedMeter {
  /** By function code, then by address; a bit is 0 or 1. */
  readonly registers: Record<number, Record<number, number>> = { 1: {}, 2: {}, 3: {}, 4: {} };
  /** Each request that it took: `3 at 0 × 2`. */
  readonly requests: string[] = [];
  /** From the end of a request to the answer. */
  delayMs = 5;
  /** What becomes of an answer on its way out. */
  spoil: (answer: number[]) => number[] = (answer) => answer;

  constructor(bus: SimulatedBus, scheduler: Scheduler, address: number) {
    let frame: number[] = [];
    let cancel = () => {};
    const node = bus.join((bytes) => {
      frame.push(...bytes);
      cancel();
      cancel = scheduler.after(3.5 * bus.byteMs, () => {
        const answer = this.#answer(frame, address);
        frame = [];
        if (answer === null) return;
        const spoken = this.spoil([...answer, ...crcOf(answer)]);
        scheduler.after(this.delayMs, () => node.send(Uint8Array.from(spoken)));
      });
    });
  }

  #answer(frame: readonly number[], address: number): number[] | null {
    const body = frame.slice(0, -2);
    if (frame.length !== 8 || frame[0] !== address) return null;
    if (crcOf(body).join() !== frame.slice(-2).join()) return null;
    const [, code, atHigh, atLow, countHigh, countLow] = body as [number, ...number[]];
    const [at, count] = [atHigh! * 256 + atLow!, countHigh! * 256 + countLow!];
    this.requests.push(`${code} at ${at} × ${count}`);
    const bank = this.registers[code!];
    if (bank === undefined) return [address, code! + 128, 1];
    const values = Array.from({ length: count }, (_, index) => bank[at + index]);
    const isBits = code! < 3;
    if (values.includes(undefined) || count > (isBits ? 2_000 : 125)) {
      return [address, code! + 128, 2];
    }
    const bytes = isBits
      ? Array.from({ length: Math.ceil(count / 8) }, (_, byte) =>
          values
            .slice(8 * byte, 8 * byte + 8)
            .reduce<number>((sum, bit, place) => sum + (bit! << place), 0),
        )
      : values.flatMap((value) => [value! >> 8, value! & 255]);
    return [address, code!, bytes.length, ...bytes];
  }
}

/** CRC-16 of the specification, low byte first. */
export function crcOf(bytes: readonly number[]): [number, number] {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return [crc & 255, crc >> 8];
}
