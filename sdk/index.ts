// What a firmware imports as 'headwater'. Other parts of the SDK are entries of their own, absent unless imported.

export { bytes } from './bytes.js';
export { float } from './float.js';
export type { Link, LinkEvents } from './links/link.js';
export {
  type Producer,
  type ProducerOptions,
  producer,
  type Stats,
  type Taken,
} from './producer.js';
export type { Boot, Entry, Store } from './stores/store.js';
export { bool, type Field, fixed, int, type Stream, stream, uint, type Values } from './stream.js';
export { text } from './text.js';
