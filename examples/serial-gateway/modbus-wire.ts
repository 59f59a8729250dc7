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
  #answer: Buffer = nothing;
  #fail: (why: Buffer) => void = () => {};
  /** Rejects with the answer where the library throws at it, as it does at an exception whose code it does not know. */
  readonly unreadable = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

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

  /** What a listener throws would end the process, and all lines with it. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    try {
      return super.emit(event, ...values);
    } catch {
      this.#fail(this.#answer);
      return true;
    }
  }

  #heard(bytes: Uint8Array): void {
    if (this.destroyed || this.#request === null) return;
    if (this.#held === null) {
      this.#pass(bytes);
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
    if (!mayBeEcho) this.#pass(held);
  }

  #pass(bytes: Uint8Array): void {
    this.#answer = Buffer.concat([this.#answer, bytes]);
    this.push(bytes);
  }

  #fromAddress(bytes: Buffer): Buffer {
    const at = bytes.indexOf(this.#address);
    return bytes.subarray(at === -1 ? bytes.length : at);
  }
}
