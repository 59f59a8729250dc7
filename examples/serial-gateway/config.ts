import { dirname, resolve } from 'node:path';
import { lineSettings, noPathTwice, parseChecked, readText } from 'headwater/lines';
import { z } from 'zod';

// gateway.yaml: which lines go to which proxy.

const port = z.int().min(0).max(65_535);

const settings = z.strictObject({
  /** Where the proxy listens. */
  proxy: z.strictObject({ host: z.string().min(1), port: port.default(4510) }),
  lines: z.array(lineSettings).min(1).superRefine(noPathTwice),
  /** Where meters' events are kept until the proxy has them, a file for each; relative to gateway.yaml. */
  store: z.string().min(1).optional(),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: port.default(4512),
      /** Whoever pauses or resumes lines has to show it; absent: nobody does. */
      token: z.string().min(16, 'at least 16 characters').optional(),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Frames of one line that wait for the connection; a line with rts-cts is stopped there, another's frames are dropped. */
      lineBytesMax: z.int().min(2_400).max(1_048_576).default(16_384),
      /** Of all lines together. */
      totalBytesMax: z.int().min(2_400).max(67_108_864).default(262_144),
      /** Of each meter's file when it is made. */
      meterStoreBytes: z.int().min(65_536).max(1_073_741_824).default(1_048_576),
      retryBackoffMs: z.int().min(10).max(60_000).default(500),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .prefault({}),
});

const schema = settings.superRefine(({ lines, store }, context) => {
  const devices = new Set<string>();
  for (const [line, { bus }] of lines.entries()) {
    for (const [index, { device }] of (bus?.modbus ?? []).entries()) {
      const path = ['lines', line, 'bus', 'modbus', index, 'device'];
      const message = 'a name of its own: another meter has it too';
      if (devices.has(device)) context.addIssue({ code: 'custom', path, message });
      devices.add(device);
    }
  }
  if (devices.size === 0 || store !== undefined) return;
  const message = 'a folder, since there are meters: their events are kept there';
  context.addIssue({ code: 'custom', path: ['store'], message });
});

export type GatewayConfig = z.output<typeof schema>;

/** Throws a ConfigError that says what, where and what to do. */
export async function readGatewayConfig(
  path: string,
  flags: Record<string, string> = {},
): Promise<GatewayConfig> {
  const text = await readText(path, 'examples/serial-gateway/gateway.yaml');
  const config = parseChecked(schema, text, path, flags);
  const { store } = config;
  return store === undefined ? config : { ...config, store: resolve(dirname(path), store) };
}
