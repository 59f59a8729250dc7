import { build } from 'esbuild';
import { fixed, type Stream, uint } from '../../sdk/stream.js';
import { tableId } from '../../sdk/table-id.js';
import { sdkOfThisPackage } from '../../targets/build.js';

// A firmware for Espruino, as esbuild makes it for the engine's file.

/** The streams that every firmware here declares. */
export const declarations = `
import { fixed, producer, stream, uint } from 'headwater';
const climate = stream('climate', { t: fixed(1), rh: uint });
const done = stream('done', { sent: uint, threw: uint });
`;

const streams: Stream[] = [
  { name: 'climate', fields: { t: fixed(1), rh: uint }, index: 0 },
  { name: 'done', fields: { sent: uint, threw: uint }, index: 1 },
];

export async function buildEspruino(source: string): Promise<string> {
  const made = await build({
    stdin: { contents: declarations + source, resolveDir: '.', loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2015',
    platform: 'neutral',
    legalComments: 'none',
    define: { HEADWATER_TABLE_ID: JSON.stringify(tableId(streams)) },
    plugins: [sdkOfThisPackage('espruino', 'built')],
  });
  return made.outputFiles[0]!.text;
}
