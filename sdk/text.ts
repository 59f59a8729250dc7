import { at, head, put, rewind } from './cbor.js';
import { ABSENT, type Field, writers } from './stream.js';

/** A field of text. */
export const text: Field<string> = 19;
writers[text] = (value: unknown) => (typeof value === 'string' ? putText(value) : put(ABSENT));

/** A text string: its bytes are written once to learn their number, and once more behind the head. */
export function putText(value: string): void {
  const start = at;
  putUtf8(value);
  const length = at - start;
  rewind(start);
  head(96, length);
  putUtf8(value);
}

function putUtf8(text: string): void {
  for (let index = 0; index < text.length; index++) {
    let point = text.codePointAt(index)!;
    if (point > 65535) index++;
    // Half of a pair alone has no UTF-8.
    if (point >> 11 === 27) point = 65533;
    if (point < 128) put(point);
    else {
      let rest = point < 2048 ? 6 : point < 65536 ? 12 : 18;
      // 110…, 1110… or 11110… in the low byte, and the upper bits of the point.
      put((0xff80 >> (rest / 6)) + (point >> rest));
      while (rest) {
        rest -= 6;
        put(128 + ((point >> rest) & 63));
      }
    }
  }
}
