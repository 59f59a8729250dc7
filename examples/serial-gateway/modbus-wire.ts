import { Duplex } from 'node:stream';
import type { Borrowed } from 'headwater/lines';

// A borrowed bus as the Duplex that the Modbus library wants, for one request. What comes before the answer is left out: noise while drivers
// turn, and the request itself where the adapter hears it.

const nothing: Buffer = Buffer.alloc(0);

export class ModbusWire extends Duplex {
  /** The library asks a serial port for it. */
  readonly isOpen = true;
  readonly #bus: Borrowed;
  readonly #address: number;
  /** What may still be heard of it; null: it was not written yet. */
  #request: Buffer | null = null;
  /** What came and may still be noise or echo; null: the answer has begun. */
  #held: Buffer | null = nothing;

  constructor(bus: Borrowed, address: number) {
    super();
    this.#bus = bus;
    this.#address = address;
    bus.onData = (bytes) => this.#heard(bytes);
  }

  override _write(request: Buffer, _encoding: string, done: () => void): void {
    this.#request = request;
    void this.#bus.write(request).then(() => done());
  }

  override _read(): void {}

  #heard(bytes: Uint8Array): void {
    if (this.destroyed || this.#request === null) return;
    if (this.#held === null) {
      this.push(bytes);
      return;
    }
    let held = this.#fromAddress(Buffer.concat([this.#held, bytes]));
    const isEcho = held.subarray(0, this.#request.length).equals(this.#request);
    if (isEcho) {
      held = this.#fromAddress(held.subarray(this.#request.length));
      this.#request = nothing;
    }
    const mayBeEcho = held.equals(this.#request.subarray(0, held.length));
    this.#held = mayBeEcho ? held : null;
    if (!mayBeEcho) this.push(held);
  }

  #fromAddress(bytes: Buffer): Buffer {
    const at = bytes.indexOf(this.#address);
    return bytes.subarray(at === -1 ? bytes.length : at);
  }
}
