// What the SDK takes from the engine that it runs in: a clock, timers, randomness, CRC-32.
// `headwater build` puts another file of engines/ in this one's place; un-built it is Node.

export * from './engines/node.js';
