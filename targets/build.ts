// `headwater build`: a firmware and the SDK in one file for an engine. Two passes of esbuild: one with the SDK left outside,
// to read the declared streams; one with everything in it, where the engine's file takes the place of Node's, and the
// table's id is a constant in the place of table-id.ts, so that no device carries SHA-256.

import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type BuildFailure,
  type BuildOptions,
  build,
  formatMessages,
  type Metafile,
  type Plugin,
} from 'esbuild';
import type { Stream } from '../sdk/stream.js';
import { tableId } from '../sdk/table-id.js';
import { BuildError } from './error.js';
import { es5 } from './es5.js';
import { espruino } from './espruino.js';
import { findingText, findLacks } from './lacks/check.js';
import { node } from './node.js';
import { quickjs } from './quickjs.js';
import { storageScript } from './storage.js';
import { readStreams } from './streams.js';
import type { Target } from './target.js';

export const targets: Record<string, Target> = { quickjs, node, espruino, es5 };

export interface Built {
  code: string;
  /** Bytes of `code`. */
  bytes: number;
  /** Bytes that each file of the SDK takes of it, as esbuild counts them, by its path in `sdk/`. */
  parts: Record<string, number>;
  streams: Stream[];
  /** The id of its table, 11 characters. */
  table: string;
}

export interface Firmware {
  /** A file, or the source itself (for measuring), resolved as if it lay in `folder`. */
  entry: { file: string } | { source: string; folder: string };
  target: string;
  minify: boolean;
}

export async function buildFirmware(firmware: Firmware): Promise<Built> {
  const target = targets[firmware.target];
  if (target === undefined) {
    throw new BuildError(
      `there is no target ${firmware.target}: ${Object.keys(targets).join(', ')}`,
    );
  }
  const entry: BuildOptions =
    'file' in firmware.entry
      ? { entryPoints: [firmware.entry.file] }
      : {
          stdin: {
            contents: firmware.entry.source,
            resolveDir: firmware.entry.folder,
            sourcefile: 'firmware.ts',
            loader: 'ts',
          },
        };
  const options: BuildOptions = {
    ...entry,
    ...target.esbuild,
    bundle: true,
    write: false,
    logLevel: 'silent',
    charset: 'utf8',
  };
  // To be read, so that it still holds what its authors wrote.
  const readable: BuildOptions = {
    ...options,
    target: 'esnext',
    format: 'esm',
    supported: {},
    sourcemap: 'external',
    outfile: 'firmware.js',
  };
  const requires = target.hasRequire === true ? [requireStays] : [];
  try {
    if (target.lacks) {
      const whole = await build({
        ...readable,
        define: { HEADWATER_TABLE_ID: '""' },
        plugins: [...requires, sdkOfThisPackage(target.engine, 'built')],
      });
      const [map, bundle] = whole.outputFiles ?? [];
      refuse(target, bundle?.text ?? '', map?.text);
    }
    const outside = await build({
      ...readable,
      external: [...(target.esbuild.external ?? []), 'headwater', 'headwater/*'],
      plugins: requires,
    });
    const [map, bundle] = outside.outputFiles ?? [];
    const streams = readStreams(bundle?.text ?? '', map?.text ?? '{}');
    const id = idOf(streams);
    const inside = await build({
      ...options,
      metafile: true,
      minify: firmware.minify && target.minifiesItself !== true,
      legalComments: 'none',
      define: {
        HEADWATER_TABLE_ID: JSON.stringify(id),
        HEADWATER_FIELDS: JSON.stringify(streams.map(({ fields }) => Object.keys(fields))),
      },
      inject: target.inject === undefined ? [] : [join(sdkFolder, target.inject)],
      plugins: [
        ...requires,
        sdkOfThisPackage(target.engine, 'built'),
        ...(target.listsFields === true ? [listedFields] : []),
      ],
    });
    const bundled = inside.outputFiles?.[0]?.text ?? '';
    const code = target.lower ? await target.lower(bundled, firmware.minify) : bundled;
    if (target.lacks) refuse(target, code);
    return {
      code,
      bytes: Buffer.byteLength(code),
      parts: partsOf(inside.metafile!),
      streams,
      table: id,
    };
  } catch (error) {
    if (isFailure(error)) {
      const lines = await formatMessages(error.errors, { kind: 'error', color: false });
      throw new BuildError(lines.map((line) => line.trim()).join('\n'));
    }
    throw error;
  }
}

/** Throws all that the target's engine lacks: in the sources by their map, without one in what was built. */
function refuse(target: Target, code: string, map?: string): void {
  const isOutput = map === undefined;
  const findings = findLacks(
    {
      ...{ code, isOutput, name: isOutput ? 'what was built' : 'firmware' },
      ...(map === undefined ? {} : { map }),
      ecmaVersion: (isOutput ? target.ecmaVersion : undefined) ?? 'latest',
      sourceType: isOutput ? 'script' : 'module',
    },
    target.lacks ?? [],
  );
  if (findings.length === 0) return;
  throw new BuildError(findings.map(findingText).join('\n'));
}

/** `headwater build`. Answers the exit code. */
export async function buildCommand(
  file: string,
  options: { target: string; out?: string; minify: boolean; storage?: boolean; json?: boolean },
): Promise<number> {
  const name = basename(file, extname(file));
  const out = options.out ?? join(dirname(file), `${name}.${options.target}.js`);
  try {
    if (resolve(out) === resolve(file)) {
      throw new BuildError(`--out ${out} is the firmware itself; name another file`);
    }
    if (options.storage === true && options.target !== 'espruino') {
      throw new BuildError('--storage is for --target espruino: it writes into its flash');
    }
    const built = await buildFirmware({
      entry: { file },
      target: options.target,
      minify: options.minify,
    });
    const written = options.storage === true ? storageScript(built.code) : built.code;
    await writeFile(out, written).catch((error: Error) => {
      throw new BuildError(`can't write ${out}: ${error.message}; --out names another file`);
    });
    const streams = built.streams.map((stream) => stream.name);
    if (options.json === true) {
      console.log(JSON.stringify({ out, bytes: built.bytes, table: built.table, streams }));
    } else {
      const declared = streams.length === 0 ? 'no declared streams' : streams.join(', ');
      console.log(
        `${out}  ${built.bytes.toLocaleString('en')} B  ${declared}  table ${built.table}`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    return 1;
  }
}

function partsOf(metafile: Metafile): Record<string, number> {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const parts = inputs.map(([path, { bytesInOutput }]) => [
    relative(sdkFolder, path),
    bytesInOutput,
  ]);
  return Object.fromEntries(parts.filter(([path]) => !`${path}`.startsWith('..')));
}

function idOf(streams: readonly Stream[]): string {
  try {
    return tableId(streams);
  } catch (error) {
    throw new BuildError((error as Error).message);
  }
}

const sdkFolder = fileURLToPath(new URL('../sdk/', import.meta.url));
/**
 * ES5 leaves open in which order `for … in` goes, and MuJS goes by the alphabet: there the order of a stream's fields, which
 * is that of its table, is a constant of the build.
 */
const listedFields: Plugin = {
  name: 'headwater-fields',
  setup(build) {
    build.onLoad({ filter: /[\\/]sdk[\\/](block|table)\.js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      const listed = code.replace(
        /for \(const (\w+) in stream\.fields\)/,
        'for (const $1 of HEADWATER_FIELDS[stream.index])',
      );
      if (listed === code) throw new Error(`${path} does not go through a stream's fields`);
      return { contents: listed };
    });
  },
};

/** `require('Storage')` is the engine's: it stands in the output as it is written, where its tools look for it. */
const requireStays: Plugin = {
  name: 'require',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind }) =>
      kind === 'require-call' ? { external: true } : null,
    );
  },
};

/** `headwater` is the package that this command belongs to, for an engine and with a way to the table's id. */
export function sdkOfThisPackage(engine: string, tableId: 'built' | 'host'): Plugin {
  const folder = sdkFolder;
  return {
    name: 'headwater',
    setup(build) {
      build.onResolve({ filter: /^headwater(\/|$)/ }, ({ path }) => ({
        path: join(
          folder,
          `${path === 'headwater' ? 'index' : path.slice('headwater/'.length)}.js`,
        ),
        sideEffects: false,
      }));
      const replaced: Record<string, string> = {
        [join('engines', 'node.js')]: join('engines', `${engine}.js`),
        'table-id.js': `table-id-${tableId}.js`,
      };
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const file = replaced[relative(folder, join(resolveDir, path))];
        return file === undefined ? null : { path: join(folder, file), sideEffects: false };
      });
    },
  };
}

function isFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
