// sink → kafka: how a batch's records are made smaller, by topic. gzip and zstd are Node's own; lz4 and snappy are optional packages,
// loaded by those only who chose them. Dead letters and positions go as they are: kafkajs reads them back, and knows gzip alone.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Codec, KafkaConfig } from '../config.js';
import { isInstalled } from './optional-package.js';

/** Kafka's number of it, and what makes a batch's records smaller. Neither blocks the thread. */
export interface Compression {
  bits: number;
  compress(bytes: Uint8Array): Promise<Uint8Array>;
}

/** null: as they are. */
export type CompressionOf = (topic: string) => Compression | null;

type Chosen = Pick<KafkaConfig, 'compression' | 'topics'>;

/** In the types of an older Node it is not there, and in that Node neither. */
const { zstdCompress } = zlib as unknown as {
  zstdCompress?: (
    bytes: Uint8Array,
    done: (error: Error | null, smaller: Uint8Array) => void,
  ) => void;
};

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gzip);
/** Level 6, its default, takes nearly twice the time for a seventh less (docs/PERFORMANCE.md). */
const fastest = zlib.constants.Z_BEST_SPEED;

const packages: Partial<Record<Codec, string>> = { lz4: 'lz4-napi', snappy: 'snappy' };

/** What a person has to do before a proxy can start with these; null: nothing. */
export function compressionTrouble(chosen: Chosen): string | null {
  for (const [key, codec] of chosenCodecs(chosen)) {
    const name = packages[codec];
    if (codec === 'zstd' && zstdCompress === undefined) {
      return (
        `${key} is zstd, which needs Node 22.15 or newer, and this is ${process.versions.node}: ` +
        'run the proxy on a newer Node, or choose lz4'
      );
    }
    if (name !== undefined && !isInstalled(name)) {
      return `${key} is ${codec}, which is not installed: npm install ${name} beside headwater`;
    }
  }
  return null;
}

export async function openCompression(chosen: Chosen): Promise<CompressionOf> {
  const opened = new Map<Codec, Compression | null>();
  for (const [, codec] of chosenCodecs(chosen)) opened.set(codec, await open(codec));
  const { compression, topics } = chosen;
  const byTopic = new Map(Object.entries(topics.compression));
  byTopic.set(topics.dead, 'none');
  return (topic) => opened.get(byTopic.get(topic) ?? compression) ?? null;
}

function chosenCodecs({ compression, topics }: Chosen): [key: string, codec: Codec][] {
  const byTopic = Object.entries(topics.compression).map(([topic, codec]): [string, Codec] => [
    `kafka.topics.compression.${topic}`,
    codec,
  ]);
  return [['kafka.compression', compression], ...byTopic];
}

async function open(codec: Codec): Promise<Compression | null> {
  switch (codec) {
    case 'none':
      return null;
    case 'gzip':
      return { bits: 1, compress: (bytes) => gzip(bytes, { level: fastest }) };
    case 'snappy': {
      const { compress } = await import('snappy');
      return { bits: 2, compress: (bytes) => compress(bytes) };
    }
    case 'lz4': {
      const { compressFrame } = await import('lz4-napi');
      return { bits: 3, compress: (bytes) => compressFrame(bytes) };
    }
    case 'zstd':
      if (zstdCompress === undefined) throw new Error('this Node has no zstd');
      return { bits: 4, compress: promisify(zstdCompress) };
  }
}
