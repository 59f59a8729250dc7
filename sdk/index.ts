// What a firmware imports as 'headwater'. Other parts of the SDK are entries of their own, absent unless imported.

export type { Taken } from './block.js';
export { bool } from './bool.js';
export { bytes } from './bytes.js';
export { float } from './float.js';
export type { Link, LinkEvents } from './links/link.js';
export type { ProducerOptions } from './options.js';
export { type Producer, producer } from './producer.js';
export type { Store } from './stores/store.js';
export { type Field, fixed, int, type Stream, stream, uint, type Values } from './stream.js';
export { text } from './text.js';
