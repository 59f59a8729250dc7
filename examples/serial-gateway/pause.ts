import { ConfigError, complain } from 'headwater/lines';
import { readGatewayConfig } from './config.js';

// `headwater gateway pause|resume PATH`: asks the running gateway to give a line free, or to take it up again.

/** Answers the exit code: 0 done, 1 no gateway answers or it has no such line, 2 a mistake in the configuration. */
export async function pauseLine(
  verb: 'pause' | 'resume',
  path: string,
  options: { config: string },
): Promise<number> {
  try {
    const { http } = await readGatewayConfig(options.config);
    const url = `http://${http.host}:${http.port}/lines/${verb}?path=${encodeURIComponent(path)}`;
    if (http.token === undefined) {
      const what = 'there is no http.token, by which the gateway knows who may ask';
      return complain(`${options.config}: ${what}; set one of 16 characters or more`, 2);
    }
    const headers = { authorization: `Bearer ${http.token}` };
    const answer = await fetch(url, { method: 'POST', headers }).catch(() => null);
    if (answer === null) {
      const where = `${http.host}:${http.port}`;
      return complain(`no gateway answers at ${where} (http of ${options.config})`, 1);
    }
    const text = await answer.text();
    if (!answer.ok) return complain(text.trimEnd(), 1);
    process.stdout.write(text);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return complain(error.message, 2);
  }
}
