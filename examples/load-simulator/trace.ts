// Real readings, played by devices: those of the motes of examples/sensor-firmware, or a CSV of the user's own with a map of its columns.
// Read whole before anything starts: a mistake names file, line and column, and what to do.

import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CsvError, parse } from 'csv-parse';
import type { Field } from 'headwater';
import type { Sdk } from 'headwater/instance';
import { ConfigError } from 'headwater/site';
import { type Cell, type Columns, mistake, parseColumns, typed } from './columns.js';
import type { Values, Workload } from './workload.js';

interface Track {
  name: string;
  /** ms from the beginning of the file's time. */
  times: number[];
  rows: Values[];
}

export interface TraceOptions {
  /** `motes`, or a file. */
  trace: string;
  columns: string | undefined;
  stream: string;
  speed: number;
  /** How many devices; more than the file has play its tracks again, side by side. */
  devices: number | null;
  /** Before a device's name. */
  namePrefix: string;
  /** The run says when: the file need not. */
  isPaced: boolean;
}

const motes = fileURLToPath(
  new URL('../../../examples/sensor-firmware/motes/readings.csv', import.meta.url),
);
/** readings.csv has no column of its time. */
const motesEveryMs = 5_000;
const motesColumns = 'device=mote_id,t=temperature:fixed2,rh=humidity:fixed2';

export async function traceWorkload(options: TraceOptions): Promise<Workload> {
  const { trace, stream, speed, isPaced } = options;
  const isMotes = trace === 'motes';
  const file = isMotes ? motes : trace;
  const text = options.columns ?? (isMotes ? motesColumns : undefined);
  const { columns, tracks } = await readTracks(file, text, options.namePrefix);
  if (isMotes && options.columns === undefined) {
    for (const track of tracks) {
      track.name = `mote-${track.name}`;
      track.times = track.rows.map((_, at) => at * motesEveryMs);
    }
  } else if (columns.time === null && !isPaced) {
    throw new ConfigError(
      `--columns ${text}: which column is the time? as time=when; or say how fast: --rate 100, --rate max`,
    );
  }
  const trackOf = (index: number) => tracks[index % tracks.length]!;
  const names = Array.from({ length: options.devices ?? tracks.length }, (_, index) => {
    const copy = Math.floor(index / tracks.length);
    return trackOf(index).name + (copy === 0 ? '' : `-${copy + 1}`);
  });
  return {
    ...{ stream, trace, names, devices: names.length },
    fields: (sdk) => fieldsOf(sdk, columns.fields),
    values: (index, _seq, row) => trackOf(index).rows[row]!,
    rows: (index) => trackOf(index).rows.length,
    ...(isPaced ? {} : { timeMs: (index, row) => trackOf(index).times[row]! / speed }),
  };
}

async function readTracks(
  file: string,
  text: string | undefined,
  namePrefix: string,
): Promise<{ columns: Columns; tracks: Track[] }> {
  const tracks = new Map<string, Track>();
  let columns: Columns | null = null;
  let beginMs: number | null = null;
  const input = createReadStream(file);
  const parser = input.pipe(parse({ bom: true, info: true, skip_empty_lines: true }));
  input.on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (columns === null) {
        columns = parseColumns(text, record, file);
        continue;
      }
      const at = (column: number): Cell => ({
        file,
        line: info.lines,
        column: columns!.header[column]!,
        text: record[column]!,
      });
      const name = columns.device === null ? 'csv' : nameOf(at(columns.device), namePrefix);
      const track = tracks.get(name) ?? { name, times: [], rows: [] };
      tracks.set(name, track);
      if (columns.time !== null) {
        const cell = at(columns.time.column);
        const timeMs = columns.time.read(cell);
        beginMs ??= timeMs;
        if (timeMs - beginMs < (track.times.at(-1) ?? 0)) {
          throw mistake(cell, `lies before what comes above it for ${name}: sort the file by time`);
        }
        track.times.push(timeMs - beginMs);
      }
      track.rows.push(
        Object.fromEntries(
          columns.fields.map(({ name: field, column, type }) => [field, typed(type, at(column))]),
        ),
      );
    }
  } catch (error) {
    throw explained(error, file);
  }
  if (columns === null || tracks.size === 0)
    throw new ConfigError(`${file}: there are no rows below the header`);
  return { columns, tracks: [...tracks.values()] };
}

function nameOf(cell: Cell, prefix: string): string {
  const name = cell.text.trim();
  if (/^[ -~]+$/.test(name) && prefix.length + name.length <= 60) return name;
  throw mistake(
    cell,
    `is no device's name: printable ASCII, with --name ${prefix} at most 60 characters`,
  );
}

function explained(error: unknown, file: string): unknown {
  if (error instanceof ConfigError) return error;
  if (error instanceof CsvError) {
    const { lines = '?' } = error as unknown as { lines?: number };
    return new ConfigError(
      `${file}:${lines}: ${error.message}: is it comma separated, with a header in line 1?`,
    );
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const why =
    code === 'ENOENT'
      ? 'there is no such file; --trace motes plays the readings that come along'
      : message;
  return new ConfigError(`--trace ${file}: ${why}`);
}

function fieldsOf(sdk: Sdk, fields: Columns['fields']): Record<string, Field<unknown>> {
  const types: Record<string, Field<unknown>> = {
    ...{ uint: sdk.uint, int: sdk.int, bool: sdk.bool, float: sdk.float, text: sdk.text },
  };
  return Object.fromEntries(
    fields.map(({ name, type }) => [name, types[type] ?? sdk.fixed(Number(type.slice(-1)))]),
  );
}
