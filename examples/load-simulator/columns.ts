// The map of a CSV's columns, as `time=when,device=mote,t=temperature:fixed1`: which is the time, which the device, and which fields there are.

import { ConfigError } from 'headwater/site';
import { rounded } from './workload.js';

export interface Cell {
  file: string;
  line: number;
  column: string;
  text: string;
}

export interface Columns {
  header: readonly string[];
  time: { column: number; read(cell: Cell): number } | null;
  device: number | null;
  fields: { name: string; column: number; type: string }[];
}

const fieldForm = /^[A-Za-z_][A-Za-z0-9_]{0,31}$/;
const typeForm = /^(fixed[0-9]|uint|int|bool|float|text)$/;
const types = 'fixed0 to fixed9, uint, int, bool, float, text';
/** As the wire has it: ±2^52, of what is scaled. */
const scaledMax = 2 ** 52;

export function parseColumns(
  text: string | undefined,
  header: readonly string[],
  file: string,
): Columns {
  const has = `it has ${header.join(', ')}`;
  if (text === undefined) {
    const guess = header.map((name) => `${fieldForm.test(name) ? name : 'x'}=${name}:fixed2`);
    throw new ConfigError(
      `--columns: which of ${file} are what? ${has}; as --columns time=…,device=…,${guess.at(-1)}`,
    );
  }
  const wrong = (what: string) => new ConfigError(`--columns ${text}: ${what}`);
  const columns: Columns = { header, time: null, device: null, fields: [] };
  for (const part of text.split(',')) {
    const [name = '', where = ''] = part.split(/=(.*)/s);
    if (where === '')
      throw wrong(`"${part}": expected FIELD=COLUMN:TYPE, time=COLUMN or device=COLUMN`);
    // A column's name may have a colon itself.
    const isWhole = header.includes(where);
    const colon = isWhole ? -1 : where.lastIndexOf(':');
    const column = colon < 0 ? where : where.slice(0, colon);
    const type = colon < 0 ? '' : where.slice(colon + 1);
    const at = header.indexOf(column);
    if (at < 0) throw wrong(`${file}:1 has no column "${column}"; ${has}`);
    if (name === 'time') columns.time = { column: at, read: timeReader(type, wrong) };
    else if (name === 'device') columns.device = at;
    else if (!fieldForm.test(name)) {
      throw wrong(`"${name}" is no field's name: a letter, then letters, digits, _`);
    } else if (!typeForm.test(type)) {
      throw wrong(`${name}=${column}: expected its type behind a colon, of ${types}`);
    } else if (columns.fields.some((field) => field.name === name)) {
      throw wrong(`the field ${name} is said twice`);
    } else columns.fields.push({ name, column: at, type });
  }
  if (columns.fields.length > 0) return columns;
  throw wrong(`no field; as t=${header.at(-1)}:fixed2`);
}

function timeReader(unit: string, wrong: (what: string) => ConfigError): (cell: Cell) => number {
  if (unit === 's' || unit === 'ms') {
    return (cell) => number(cell) * (unit === 's' ? 1_000 : 1);
  }
  if (unit !== '' && unit !== 'iso') {
    throw wrong(`time: ${unit} is none of iso (2026-11-27T10:00:00Z), s, ms`);
  }
  return (cell) => {
    const ms = Date.parse(cell.text);
    if (Number.isNaN(ms)) {
      throw mistake(
        cell,
        'is no time as 2026-11-27T10:00:00Z; where it is a number say time=COLUMN:s or :ms',
      );
    }
    return ms;
  };
}

/** An empty cell is an absent value. */
export function typed(type: string, cell: Cell): number | string | boolean | null {
  const text = cell.text.trim();
  if (text === '') return null;
  if (type === 'text') return cell.text;
  if (type === 'bool') {
    if (/^(true|1|yes)$/i.test(text)) return true;
    if (/^(false|0|no)$/i.test(text)) return false;
    throw mistake(cell, 'is neither true nor false (1, 0, yes, no)');
  }
  const value = number(cell);
  if (type === 'float') return value;
  const digits = type.startsWith('fixed') ? Number(type.slice(-1)) : 0;
  const result = rounded(value, digits);
  if (digits === 0 && !type.startsWith('fixed') && result !== value) {
    throw mistake(cell, `is no whole number; as fixed2 it keeps two decimal places`);
  }
  if (Math.abs(value) * 10 ** digits > scaledMax || (type === 'uint' && value < 0)) {
    throw mistake(cell, `does not fit ${type}; leave the cell empty where there is no value`);
  }
  return result;
}

function number(cell: Cell): number {
  const value = Number(cell.text);
  if (cell.text.trim() !== '' && Number.isFinite(value)) return value;
  throw mistake(cell, 'is no number; leave the cell empty where there is no value');
}

export function mistake({ file, line, column, text }: Cell, what: string): ConfigError {
  return new ConfigError(`${file}:${line}: column ${column}: "${text}" ${what}`);
}
