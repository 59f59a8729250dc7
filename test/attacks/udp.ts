// A socket at an address that somebody has, written from PROTOCOL.md §12: frames behind their lengths. Who can say datagrams in the name of a device's address
// and port is the same to a proxy as who has them, so that a forger says them out of the device's own socket.

import { createSocket, type Socket } from 'node:dgram';
import { Duplex } from 'node:stream';
import { cobs, frameCutter, HELLO } from './attacker.js';

/** What IP and UDP put before each datagram. */
const headerBytes = 28;
const filledBytes = 128;

/** Frames in a datagram, filled up to `bytes`. */
export function datagramOf(frames: readonly Uint8Array[], bytes = 0): Buffer {
  const parts = frames.map((frame) =>
    Buffer.concat([Buffer.of(frame.length >> 8, frame.length), frame]),
  );
  const whole = Buffer.concat(parts);
  return Buffer.concat([whole, Buffer.alloc(Math.max(0, bytes - whole.length))]);
}

export function framesIn(datagram: Uint8Array): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 1 < datagram.length; ) {
    const length = datagram[at]! * 256 + datagram[at + 1]!;
    const frame = Buffer.from(datagram.subarray(at + 2, at + 2 + length));
    if (length > 0) frames.push(frame);
    at += 2 + length;
  }
  return frames;
}

export class UdpAddress {
  readonly said: Buffer[] = [];
  readonly heard: Buffer[] = [];
  /** With headers, both ways. */
  readonly bytes = { said: 0, heard: 0 };
  /** For each datagram that comes. */
  onDatagram: (datagram: Buffer) => void = () => {};
  readonly #socket: Socket;
  readonly #port: number;
  #isOver = false;

  constructor(port: number, from = '127.0.0.1') {
    this.#port = port;
    this.#socket = createSocket('udp4');
    this.#socket.on('error', () => {});
    this.#socket.on('message', (datagram) => {
      this.heard.push(datagram);
      this.bytes.heard += datagram.length + headerBytes;
      this.onDatagram(datagram);
    });
    this.#socket.bind(0, from);
  }

  say(datagram: Uint8Array): void {
    if (this.#isOver) return;
    this.said.push(Buffer.from(datagram));
    this.bytes.said += datagram.length + headerBytes;
    this.#socket.send(datagram, this.#port, '127.0.0.1', () => {});
  }

  sayFrame(frame: Uint8Array): void {
    this.say(datagramOf([frame], frame[0] === HELLO ? filledBytes : 0));
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.close();
  }
}

/** For a device's link, `datagrams(board.link)`: each chunk is a datagram. */
export function chunksOver(address: UdpAddress): Duplex {
  const stream = new Duplex({
    objectMode: true,
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      address.say(chunk);
      done();
    },
    destroy(error, done) {
      address.close();
      done(error);
    },
  });
  address.onDatagram = (datagram) => stream.push(datagram);
  return stream;
}

/** For who speaks frames on a byte stream. */
export function framesOver(address: UdpAddress): Duplex {
  const cut = frameCutter((frame) => address.sayFrame(frame));
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      cut(chunk);
      done();
    },
    destroy(error, done) {
      address.close();
      done(error);
    },
  });
  address.onDatagram = (datagram) => {
    for (const frame of framesIn(datagram)) stream.push(cobs(frame));
  };
  return stream;
}
