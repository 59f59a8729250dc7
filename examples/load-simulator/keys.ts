import { type Config, ConfigError, KeysError, readKeys } from 'headwater/site';

// The devices' keys, where the proxy asks for them: from its own registry, which whoever runs this must be allowed to read.

/** By device. Null: nobody asks. */
export async function keysFor(
  names: readonly string[],
  config: Config | null,
  path = '',
): Promise<ReadonlyMap<string, string> | null> {
  const isAsked = config?.listen.tcp?.auth === 'keys';
  if (!isAsked || config.keys === undefined) return null;
  const keys = await readKeys(config.keys).catch((error: unknown) => {
    throw error instanceof KeysError ? new ConfigError(error.message) : error;
  });
  const lacking = names.filter((name) => !keys.has(name));
  if (lacking.length === 0) return keys;
  const others = lacking.length > 1 ? ` and ${lacking.length - 1} more` : '';
  throw new ConfigError(
    `${config.keys}: no key of ${lacking[0]}${others}, and the proxy asks for them: headwater device add ${lacking.slice(0, 3).join(' ')}${lacking.length > 3 ? ' …' : ''} -c ${path}`,
  );
}
