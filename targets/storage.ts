// `--storage`, for Espruino: the firmware as a script that writes it into flash, as the file `.bootcde`, which Espruino runs in place
// at each start: its functions stay there and take no variables. Each line is a statement of its own and short enough for a
// board's input; the size comes with the first one, as Storage wants it.

const CHUNK_BYTES = 512;
const FILE = '.bootcde';

/** A script, which a board's tools send it as any other. */
export function storageScript(code: string): string {
  const bytes = Buffer.from(code);
  const lines: string[] = [`require("Storage").erase("${FILE}");`];
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const text = quoted(bytes.subarray(start, start + CHUNK_BYTES));
    const size = start === 0 ? `,${bytes.length}` : '';
    lines.push(`require("Storage").write("${FILE}",${text},${start}${size});`);
  }
  lines.push('load();');
  return `${lines.join('\n')}\n`;
}

/** A string whose characters are bytes, on boards with Unicode and without. */
function quoted(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (byte < 32 || byte > 126) text += `\\x${byte.toString(16).padStart(2, '0')}`;
    else text += character === '"' || character === '\\' ? `\\${character}` : character;
  }
  return `"${text}"`;
}
