// What `npm run demo -- --secure` puts around the same path: a Kafka that wants TLS, a login by SCRAM and has ACLs; devices with keys; and one with
// a wrong one.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder, SetupError } from '../kafka/jars.js';
import {
  allow,
  password,
  type SecuredBroker,
  startSecuredBroker,
} from '../kafka/secured-broker.js';
import { runHeadwater } from '../site/proxy-process.js';
import type { Site } from '../site/site.js';

const username = 'headwater';

export const openSecuredKafka = (): Promise<SecuredBroker> => startSecuredBroker(username);

/** Its configuration asks devices for keys, and logs in; Kafka allows it exactly its own topics. */
export async function secure(site: Site, kafka: SecuredBroker): Promise<void> {
  const content = parse(await readFile(site.config, 'utf8')) as Record<string, object>;
  await writeFile(
    site.config,
    stringify({
      ...content,
      listen: { tcp: { host: '127.0.0.1', port: 0, auth: 'keys' } },
      keys: './devices.keys',
      kafka: {
        ...content.kafka,
        brokers: [kafka.login],
        ssl: { ca: kafka.caFile },
        sasl: { mechanism: 'scram-sha-512', username, password },
      },
    }),
  );
  await allow(kafka.bootstrap, username, [
    { resource: 'TOPIC', name: site.prefix, operations: ['WRITE'], pattern: true },
    {
      resource: 'TOPIC',
      name: `${site.name}.headwater.positions`,
      operations: ['READ', 'WRITE', 'CREATE', 'DESCRIBE_CONFIGS'],
    },
    {
      resource: 'TRANSACTIONAL_ID',
      name: `headwater-${site.name}-0`,
      operations: ['WRITE', 'DESCRIBE'],
    },
  ]);
}

/** The line that the firmware of a new device needs. */
export async function keyLine(site: Site, device: string): Promise<string> {
  const { output, complaint } = await runHeadwater(['device', 'add', device, '-c', site.config]);
  const [line] = /auth\('[^']+'\);?/.exec(output) ?? [];
  if (line === undefined) throw new SetupError(`headwater device add: ${complaint}`);
  return line;
}

/** The sensor firmware with a key's line in it, as a person would put it there. */
export async function keyedFirmware(line: string, target: string) {
  const folder = join(projectFolder, 'examples/sensor-firmware');
  const firmware = await readFile(join(folder, 'firmware.ts'), 'utf8');
  const source = `import { auth } from 'headwater/auth';\n${line}\n${firmware}`;
  return buildFirmware({ entry: { source, folder }, target, minify: true });
}
