// Node 20 or newer, for gateways, simulators and tests of firmware.

import type { Target } from './target.js';

export const node: Target = {
  engine: 'node',
  esbuild: { format: 'esm', target: 'node20', platform: 'node' },
};
