import { integer, name } from './cbor.js';
import type { Stream } from './stream.js';

/** Writes a stream's part of the table, PROTOCOL.md §4. It is made when a proxy lacks it: the firmware holds no copy. */
export const putDescription = (stream: Stream): void => {
  name(stream.name);
  for (const field in stream.fields) {
    name(field);
    integer(stream.fields[field]!);
  }
};
