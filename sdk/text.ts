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

/** Whether strings are bytes here, which are UTF-8 already: Espruino's, where it was built without Unicode. */
const areBytes = ['é'].join('').length > 1;

function putUtf8(text: string): void {
  for (let index = 0; index < text.length; index++) {
    let point = text.charCodeAt(index);
    const next = text.charCodeAt(index + 1);
    // A pair, where strings are UTF-16; half of one alone has no UTF-8.
    if (point >> 10 === 54 && next >> 10 === 55) {
      point = (point << 10) + next - 0x35fdc00;
      index++;
    }
    if (point >> 11 === 27) point = 65533;
    if (areBytes || point < 128) put(point);
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
