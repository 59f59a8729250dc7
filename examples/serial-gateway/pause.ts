import { ConfigError } from 'headwater/lines';
import { readGatewayConfig } from './config.js';

// `headwater gateway pause|resume PATH`: asks the running gateway to give a line free, or to take it up again.

/** Answers the exit code: 0 done, 1 no gateway answers or it has no such line, 2 a mistake in the configuration. */
export async function pauseLine(
  what: 'pause' | 'resume',
  path: string,
  options: { config: string },
): Promise<number> {
  try {
    const { http } = await readGatewayConfig(options.config);
    const url = `http://${http.host}:${http.port}/lines/${what}?path=${encodeURIComponent(path)}`;
    const answer = await fetch(url, { method: 'POST' }).catch(() => null);
    if (answer === null) {
      const where = `${http.host}:${http.port}`;
      process.stderr.write(
        `headwater: no gateway answers at ${where} (http of ${options.config})\n`,
      );
      return 1;
    }
    const text = await answer.text();
    (answer.ok ? process.stdout : process.stderr).write(answer.ok ? text : `headwater: ${text}`);
    return answer.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`headwater: ${error.message.replaceAll('\n', '\nheadwater: ')}\n`);
    return 2;
  }
}
