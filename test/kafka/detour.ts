// A TCP proxy in front of a real broker that understands just enough of Kafka's framing to lose
// single answers: the request arrives and is carried out, and its answer never comes.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onFrame } from './frames.js';

/** Kafka's numbers of the requests that tests interfere with. */
const apiKeys = { produce: 0, addPartitionsToTxn: 24, endTxn: 26 } as const;

export type Api = keyof typeof apiKeys;

export interface Detour {
  /** The next `count` requests of this kind are carried out, and their answers are lost. */
  loseAnswers(api: Api, count: number): void;
  /** The next `count` requests of this kind never reach the broker. */
  loseRequests(api: Api, count: number): void;
  /**
   * The next such request, or the one behind `skip` others, waits, and all behind it on its connection, until
   * `release` is called.
   */
  hold(api: Api, skip?: number): { held: Promise<void>; release(): void };
  /** From now on nothing passes in either direction, and connections stay open. */
  blackHole(yes: boolean): void;
  /** How many requests or answers were lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

interface Hold {
  api: number;
  skip: number;
  caught(queue: Buffer[]): void;
}

export async function openDetour(way: { from: number; to: number }): Promise<Detour> {
  const sockets = new Set<Socket>();
  const answersToLose = new Map<number, number>();
  const requestsToLose = new Map<number, number>();
  const state = { lost: 0, hole: false, hold: null as Hold | null };

  const server = createServer((client) => {
    const broker = connect(way.to, '127.0.0.1');
    const doomed = new Set<number>();
    const queue: { frames: Buffer[] | null } = { frames: null };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('close', () => broker.destroy());
    broker.on('close', () => client.destroy());
    onFrame(client, (frame) => {
      const api = frame.readInt16BE(4);
      if (takeOne(requestsToLose, api)) {
        state.lost++;
        return;
      }
      if (takeOne(answersToLose, api)) doomed.add(frame.readInt32BE(8));
      if (state.hold?.api === api && state.hold.skip-- === 0) {
        queue.frames = [];
        const frames = queue.frames;
        state.hold.caught(frames);
        state.hold = null;
        releases.set(frames, () => {
          queue.frames = null;
          for (const held of frames) broker.write(held);
        });
      }
      if (queue.frames !== null) queue.frames.push(frame);
      else if (!state.hole) broker.write(frame);
    });
    onFrame(broker, (frame) => {
      if (doomed.delete(frame.readInt32BE(4))) state.lost++;
      else if (!state.hole) client.write(frame);
    });
  });
  const releases = new Map<Buffer[], () => void>();
  server.listen(way.from, '127.0.0.1');
  await once(server, 'listening');

  return {
    loseAnswers: (api, count) => answersToLose.set(apiKeys[api], count),
    loseRequests: (api, count) => requestsToLose.set(apiKeys[api], count),
    hold(api, skip = 0) {
      let frames: Buffer[] | null = null;
      const held = new Promise<void>((resolve) => {
        state.hold = {
          api: apiKeys[api],
          skip,
          caught(queue) {
            frames = queue;
            resolve();
          },
        };
      });
      return { held, release: () => frames !== null && releases.get(frames)?.() };
    },
    blackHole: (yes) => {
      state.hole = yes;
    },
    get lost() {
      return state.lost;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function takeOne(counts: Map<number, number>, api: number): boolean {
  const left = counts.get(api) ?? 0;
  if (left > 0) counts.set(api, left - 1);
  return left > 0;
}
