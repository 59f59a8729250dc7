import { head, text } from './cbor.js';
import type { Stream } from './stream.js';

/** Writes the bytes of a table, PROTOCOL.md §4. They are made when a proxy lacks them: the firmware holds no copy. */
export function putTable(streams: readonly Stream[]): void {
  head(128, streams.length);
  for (const { name, names, fields } of streams) {
    head(128, 1 + 2 * names.length);
    text(name);
    names.forEach((field, index) => {
      text(field);
      head(0, fields[index]!.type);
    });
  }
}
