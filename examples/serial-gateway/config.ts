import { lineSettings, parseChecked, readText } from 'headwater/lines';
import { z } from 'zod';

// gateway.yaml: which lines go to which proxy.

const port = z.int().min(0).max(65_535);

const schema = z.strictObject({
  /** Where the proxy listens. */
  proxy: z.strictObject({ host: z.string().min(1), port: port.default(4510) }),
  lines: z.array(lineSettings).min(1),
  http: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: port.default(4512) })
    .prefault({}),
  limits: z
    .strictObject({
      /** Frames of one line that wait for the connection; a line with rts-cts is stopped there, another's frames are dropped. */
      lineBytesMax: z.int().min(2_400).max(1_048_576).default(16_384),
      /** Of all lines together. */
      totalBytesMax: z.int().min(2_400).max(67_108_864).default(262_144),
      retryBackoffMs: z.int().min(10).max(60_000).default(500),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .prefault({}),
});

export type GatewayConfig = z.output<typeof schema>;

/** Throws a ConfigError that says what, where and what to do. */
export async function readGatewayConfig(
  path: string,
  flags: Record<string, string> = {},
): Promise<GatewayConfig> {
  const text = await readText(path, 'examples/serial-gateway/gateway.yaml');
  return parseChecked(schema, text, path, flags);
}
