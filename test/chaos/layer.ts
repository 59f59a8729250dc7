import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectFolder } from '../kafka/jars.js';
import type { ProxyStart } from '../site/proxy-process.js';

/** A start of the built proxy over a layer of this folder, which is told what it needs in the environment. */
export function over(layer: 'power-layer' | 'disk-layer', environment: Record<string, string>) {
  const file = pathToFileURL(join(projectFolder, `dist/test/chaos/${layer}.js`)).href;
  return { nodeFlags: ['--import', file], environment } satisfies ProxyStart;
}
