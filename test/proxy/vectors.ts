import { readFileSync } from 'node:fs';

// The hex vectors that both ends' tests read.

const folder = new URL('../../../test/vectors/', import.meta.url);

export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as T;
}

export interface DatagramVectors {
  cases: { name: string; stream: string; mtuBytes?: number; datagrams: string[] }[];
}

export interface BusVectors {
  cases: {
    name: string;
    channel: number;
    poll?: { number: number; granted: number };
    end?: { number: number; more: boolean };
    frame: string;
    stream: string;
  }[];
}

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export interface AuthVectors {
  key: string;
  hello: string;
  challenge: string;
  sessionKey: string;
  frames: {
    name: string;
    from: 'device' | 'proxy';
    counter: number;
    covers?: string;
    frame: string;
  }[];
}
