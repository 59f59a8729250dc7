import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';

// A firmware for an engine, as `headwater build` makes it.

/** The streams that every firmware here declares. */
export const declarations = `
import { fixed, producer, stream, uint } from 'headwater';
const climate = stream('climate', { t: fixed(1), rh: uint });
const done = stream('done', { sent: uint, threw: uint });
`;

export async function buildForEngine(source: string, target: string): Promise<string> {
  const entry = { source: declarations + source, folder: projectFolder };
  return (await buildFirmware({ entry, target, minify: true })).code;
}
