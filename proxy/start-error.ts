import { ConfigError } from './config-file.js';

/** A start that failed for what a person can mend: one line. */
export class StartError extends Error {
  override name = 'StartError';
}

/** For the rejection of a server: says which key of the configuration it is about. */
export function portError(key: string, { host, port }: { host: string; port: number }) {
  return (error: NodeJS.ErrnoException): never => {
    if (error instanceof ConfigError) throw error;
    const why =
      error.code === 'EADDRINUSE'
        ? 'another process listens there'
        : error.code === 'EACCES'
          ? 'this user may not listen there'
          : error.message;
    const what = `${key}: can't listen on ${host}, port ${port}: ${why}`;
    throw new StartError(`${what}; set ${key}.port or ${key}.host`, { cause: error });
  };
}
