import { decodeTable, type StreamTable, Tables, tableId } from '../../../proxy/table.js';
import { FIELDS_MAX, STREAMS_MAX, TABLE_BYTES_MAX } from '../../../sdk/wire.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { descriptions } from '../arbitraries.js';
import { join, text, uint } from '../cbor-writer.js';
import { check, same, type Target } from '../target.js';

// What a firmware declared, as a device that is no firmware says it.

export function encodeTable({ streams }: StreamTable): Uint8Array {
  const parts = streams.flatMap(({ name, fields }) => [
    text(name),
    ...fields.flatMap((field) => [text(field.name), uint(field.type)]),
  ]);
  return join(...parts);
}

function runWith(tables: Tables, input: Uint8Array): string {
  const table = decodeTable(input);
  const known = tables.decode(tableId(input), input);
  if (typeof table === 'string') {
    check(known === table, 'known by its id it is something else');
    return table.replace(/\d+/g, '#');
  }
  check(input.length <= TABLE_BYTES_MAX, 'a table that is too long');
  check(
    typeof known !== 'string' && same(encodeTable(known), input),
    'known by its id it is something else',
  );
  check(same(encodeTable(table), input), 'decode(encode(x)) is not x');
  const { streams } = table;
  check(streams.length <= STREAMS_MAX, 'too many streams');
  check(new Set(streams.map(({ name }) => name)).size === streams.length, 'a stream twice');
  for (const { name, fields } of streams) {
    check(/^[A-Za-z0-9._-]{1,64}$/.test(name), 'a name that no topic may have');
    check(fields.length <= FIELDS_MAX, 'too many fields');
    check(new Set(fields.map((field) => field.name)).size === fields.length, 'a field twice');
    for (const field of fields) check(/^[ -~]{1,64}$/.test(field.name), 'a field that is no ASCII');
  }
  return `${Math.min(streams.length, 5)} streams`;
}

export const tableTarget: Target = {
  name: 'table',
  checks:
    'names, types and numbers within their ranges, each name once; decode(encode(x)) = x; the same by its id',
  arbitrary: descriptions.map((parts) => join(...parts)),
  seeds: () =>
    vectors<{ cases: { name: string; bytes: string }[] }>('tables').cases.map(
      ({ name, bytes }) => ({
        name,
        bytes: fromHex(bytes),
      }),
    ),
  fresh: () => {
    const tables = new Tables();
    return { run: (input) => runWith(tables, input) };
  },
};
