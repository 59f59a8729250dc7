import type { Socket } from 'node:net';

// Kafka's requests and answers on a socket, whole: a length of 4 bytes, and as many behind it.

export const lengthBytes = 4;

/** `take` gets each with its length in front. */
export function onFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let buffered = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (
      buffered.length >= lengthBytes &&
      buffered.length >= lengthBytes + buffered.readInt32BE(0)
    ) {
      const end = lengthBytes + buffered.readInt32BE(0);
      take(buffered.subarray(0, end));
      buffered = buffered.subarray(end);
    }
  });
}
