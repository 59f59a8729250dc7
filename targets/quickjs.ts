// QuickJS (2025-09, ES2023): `qjs --module firmware.js`, or an engine embedded in a host that supplies the
// module `os` with setTimeout, clearTimeout and now().

import type { Target } from './target.js';

export const quickjs: Target = {
  engine: 'quickjs',
  esbuild: { format: 'esm', target: 'es2022', platform: 'neutral', external: ['os', 'std'] },
};
