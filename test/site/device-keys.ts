// The keys of a site's devices, made as a person makes them: `headwater device add`.

import { runHeadwater } from './proxy-process.js';

/** By device. Throws what the command complained of. */
export async function addKeys(
  config: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const words = ['device', 'add', ...names, '--json', '-c', config];
  const { code, output, complaint } = await runHeadwater(words);
  if (code !== 0) throw new Error(complaint);
  const added = output.trim().split('\n');
  return new Map(
    added.map((line) => {
      const { device, key } = JSON.parse(line) as { device: string; key: string };
      return [device, key];
    }),
  );
}
