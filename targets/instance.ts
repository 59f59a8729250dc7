import { createRequire } from 'node:module';
import { build } from 'esbuild';
import type { HostEngine } from '../sdk/engines/host.js';
import { tableId } from '../sdk/table-id.js';
import { sdkOfThisPackage } from './build.js';

// A firmware has one producer, whose state is that of the SDK's modules. Where one process plays many devices (a simulation, a load
// test), each gets an instance of the bundled SDK, with a clock and timers of its own.

export type { HostEngine };

export type Sdk = typeof import('../sdk/index.js') &
  typeof import('../sdk/auth.js') &
  typeof import('../sdk/flush.js') &
  typeof import('../sdk/anchors.js') &
  typeof import('../sdk/stats.js') &
  typeof import('../sdk/undeclared.js') &
  typeof import('../sdk/reducers/deadband.js') &
  typeof import('../sdk/reducers/throttle.js') &
  typeof import('../sdk/reducers/aggregate.js') &
  typeof import('../sdk/reducers/sample.js') &
  typeof import('../sdk/priority.js') &
  typeof import('../sdk/stores/keep-highest.js') &
  typeof import('../sdk/stores/ram.js') &
  typeof import('../sdk/stores/keep-oldest.js') &
  typeof import('../sdk/stores/flash.js') &
  typeof import('../sdk/stores/file.js') &
  typeof import('../sdk/uptime-stops.js');

const entries = [
  ...[
    '',
    '/auth',
    '/flush',
    '/anchors',
    '/stats',
    '/undeclared',
    '/stores/ram',
    '/stores/keep-oldest',
  ],
  ...['/priority', '/stores/keep-highest', '/stores/flash', '/stores/file', '/uptime-stops'],
  ...['deadband', 'throttle', 'aggregate', 'sample'].map((name) => `/reducers/${name}`),
];

/** Bundles the SDK; each call of the answer makes an instance. */
export async function sdkFactory(): Promise<(engine: HostEngine) => Sdk> {
  const bundle = await build({
    stdin: {
      contents: entries.map((entry) => `export * from 'headwater${entry}';`).join('\n'),
      resolveDir: '.',
    },
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    globalName: 'sdk',
    target: 'es2022',
    // For the files of a store.
    platform: 'node',
    plugins: [sdkOfThisPackage('host', 'host')],
  });
  const require = createRequire(import.meta.url);
  const instantiate = new Function(
    'host',
    'require',
    `${bundle.outputFiles[0]!.text}\nreturn sdk;`,
  );
  return (engine) => instantiate({ ...engine, tableId }, require) as Sdk;
}
