// What a topic may be compressed with, for kafkajs, which knows gzip alone. zstd is Node's own from 22.15 on; lz4 and snappy are packages that
// stand beside Headwater where the proxy writes them.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import kafkajs from 'kafkajs';

const { CompressionCodecs, CompressionTypes } = kafkajs;

type Unpack = (bytes: Buffer) => Promise<Uint8Array>;

/** In the types of an older Node it is not there, and in that Node neither. */
const { zstdDecompress } = zlib as unknown as {
  zstdDecompress?: (bytes: Buffer, done: (error: Error | null, whole: Buffer) => void) => void;
};

/** Snappy as Kafka's Java clients frame it: a head of 16 bytes, then blocks, each behind its length. */
const framed = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const framedHeadBytes = 16;

const unpack: Record<number, Unpack> = {
  [CompressionTypes.ZSTD]: (bytes) => {
    if (zstdDecompress !== undefined) return promisify(zstdDecompress)(bytes);
    throw new Error(`the topic is compressed with zstd, which needs Node 22.15 or newer`);
  },
  [CompressionTypes.LZ4]: async (bytes) => {
    const { decompressFrame } = await installed('lz4', () => import('lz4-napi'), 'lz4-napi');
    return decompressFrame(bytes);
  },
  [CompressionTypes.Snappy]: async (bytes) => {
    const { uncompress } = await installed('snappy', () => import('snappy'), 'snappy');
    const one = async (block: Buffer) => Buffer.from((await uncompress(block)) as Buffer);
    if (!bytes.subarray(0, framed.length).equals(framed)) return one(bytes);
    const blocks: Buffer[] = [];
    for (let at = framedHeadBytes; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      blocks.push(await one(bytes.subarray(at + 4, end)));
      at = end;
    }
    return Buffer.concat(blocks);
  },
};

/** Has kafkajs read them; `onTrouble` is told what a person can do where one can't be read. */
export function readCompressed(onTrouble: (why: string) => void): void {
  for (const [type, read] of Object.entries(unpack)) {
    CompressionCodecs[Number(type) as keyof typeof CompressionCodecs] = () => ({
      async compress() {
        throw new Error('the reader writes nothing');
      },
      async decompress(bytes: Buffer) {
        try {
          return Buffer.from(await read(bytes));
        } catch (error) {
          onTrouble((error as Error).message);
          throw error;
        }
      },
    });
  }
}

async function installed<T>(codec: string, load: () => Promise<T>, name: string): Promise<T> {
  return await load().catch(() => {
    throw new Error(`the topic is compressed with ${codec}: npm install ${name} beside headwater`);
  });
}
