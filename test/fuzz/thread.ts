import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.js';
import { runRound } from './round.js';
import type { Target } from './target.js';
import { headBytes, type Task, words } from './words.js';

// The thread of a round. What it reads lies in memory that its watch sees, so that an input that never ends is known all the same.

const { target: name, limits, shared, only } = workerData as Task;
const head = new Int32Array(shared, 0, headBytes / 4);
const room = new Uint8Array(shared, headBytes);
// It alone, since some bring a compiler along.
const module: Record<string, Target> = await import(`./targets/${name}.js`);
const target = Object.values(module).find((one) => one.name === name)!;
const result = await runRound(target, only ?? readCorpus(target), limits, {
  before(input) {
    head[words.length] = Math.min(input.length, room.length);
    room.set(input.subarray(0, room.length));
    Atomics.add(head, words.count, 1);
  },
  isOver: () => Atomics.load(head, words.isOver) === 1,
});
parentPort!.postMessage(result);
