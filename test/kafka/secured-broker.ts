// A real broker as a company has it: TLS with an authority of its own, clients by certificate, by password (PLAIN, SCRAM) or by a token of an
// identity provider (also here, on 127.0.0.1), and nobody may do what no ACL allows. Tests reach it without all that as its super user.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs, { type AclEntry } from 'kafkajs';
import { type Authority, makeAuthority, writeByRename, writePair } from '../site/certificates.js';
import { type Broker, freePort } from './broker.js';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.js';
import { ensureJars } from './jars.js';
import { temporaryBroker } from './shared-broker.js';
import { withAdmin } from './topics.js';

const run = promisify(execFile);
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

export const password = 'rain-and-more-rain';

export interface SecuredBroker {
  /** Without TLS and login, for the test itself. */
  bootstrap: string;
  /** Behind TLS and a login. */
  login: string;
  /** Behind TLS that asks for a client's certificate. */
  mutual: string;
  folder: string;
  caFile: string;
  /** Of those whose clients' certificates it takes, from its next start on. */
  trustFile: string;
  authority: Authority;
  provider: IdentityProvider;
  broker: Broker;
  close(): Promise<void>;
}

/** `user` logs in by SCRAM and PLAIN with `password`. */
export async function startSecuredBroker(user: string): Promise<SecuredBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-secured-'));
  const authority = await makeAuthority();
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, authority.pem);
  const trustFile = join(folder, 'clients-ca.pem');
  await writeFile(trustFile, authority.pem);
  const own = await authority.sign('broker');
  const store = join(folder, 'broker-with-key.pem');
  await writeByRename(store, `${own.key}\n${own.cert}`);
  const provider = await startIdentityProvider();
  const ports = { login: await freePort(), mutual: await freePort() };
  const stores = { keystore: store, truststore: trustFile };
  const settings = {
    ...Object.fromEntries(
      Object.entries(stores).flatMap(([name, file]) => [
        [`ssl.${name}.type`, 'PEM'],
        [`ssl.${name}.location`, file],
      ]),
    ),
    'listener.name.mutual.ssl.client.auth': 'required',
    // CN=press-hall → User:press-hall
    'ssl.principal.mapping.rules': 'RULE:^.*CN=([^,]+).*$/$1/,DEFAULT',
    ...loginSettings(user, provider),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  };
  const broker = await temporaryBroker(() => {}, settings, {
    javaFlags: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${provider.jwks}`],
    ways: {
      LOGIN: { protocol: 'SASL_SSL', port: ports.login },
      MUTUAL: { protocol: 'SSL', port: ports.mutual },
    },
  });
  await addScramUser(broker.bootstrap, user);
  const secured: SecuredBroker = {
    ...{ folder, caFile, trustFile, authority, provider, broker, bootstrap: broker.bootstrap },
    login: `127.0.0.1:${ports.login}`,
    mutual: `127.0.0.1:${ports.mutual}`,
    async close() {
      await secured.broker.kill('SIGKILL');
      await provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return secured;
}

/** A client's certificate, signed by its authority, and its key. */
export async function clientFiles({ authority, folder }: SecuredBroker, name: string) {
  return writePair(folder, name, await authority.sign(name));
}

type Named = keyof typeof AclResourceTypes;

/** What `kafka-acls.sh --add` does; `pattern`: for all names that begin so. */
export async function allow(
  bootstrap: string,
  user: string,
  grants: readonly {
    resource: Named;
    name: string;
    operations: (keyof typeof AclOperationTypes)[];
    pattern?: boolean;
  }[],
): Promise<void> {
  const acl: AclEntry[] = grants.flatMap(({ resource, name, operations, pattern = false }) =>
    operations.map((operation) => ({
      ...{ principal: `User:${user}`, host: '*', resourceName: name },
      resourceType: AclResourceTypes[resource],
      operation: AclOperationTypes[operation],
      permissionType: AclPermissionTypes.ALLOW,
      resourcePatternType: ResourcePatternTypes[pattern ? 'PREFIXED' : 'LITERAL'],
    })),
  );
  await withAdmin(bootstrap, (admin) => admin.createAcls({ acl }));
}

/** Takes back all that was allowed. */
export async function forbid(bootstrap: string, user: string): Promise<void> {
  await withAdmin(bootstrap, (admin) =>
    admin.deleteAcls({
      filters: [
        {
          ...{ principal: `User:${user}`, resourceType: AclResourceTypes.ANY },
          ...{ operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY },
          resourcePatternType: ResourcePatternTypes.ANY,
        },
      ],
    }),
  );
}

function loginSettings(user: string, provider: IdentityProvider): Record<string, string> {
  const security = 'org.apache.kafka.common.security';
  const bearer = `${security}.oauthbearer`;
  const scram = `${security}.scram.ScramLoginModule required;`;
  const prefix = 'listener.name.login';
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${prefix}.plain.sasl.jaas.config`]: `${security}.plain.PlainLoginModule required user_${user}="${password}";`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: scram,
    [`${prefix}.oauthbearer.sasl.jaas.config`]: `${bearer}.OAuthBearerLoginModule required;`,
    [`${prefix}.oauthbearer.sasl.server.callback.handler.class`]: `${bearer}.OAuthBearerValidatorCallbackHandler`,
    // A login is over with its token: after 12 s for those tokens that live longer.
    [`${prefix}.oauthbearer.connections.max.reauth.ms`]: '12000',
    // The default of Kafka 4.1.0 looks at a token's form alone.
    'sasl.oauthbearer.jwt.validator.class': `${bearer}.BrokerJwtValidator`,
    'sasl.oauthbearer.jwks.endpoint.url': provider.jwks,
    'sasl.oauthbearer.expected.audience': provider.audience,
    'sasl.oauthbearer.expected.issuer': provider.issuer,
  };
}

async function addScramUser(bootstrap: string, user: string): Promise<void> {
  const words = ['--alter', '--entity-type', 'users', '--entity-name', user];
  const command = ['kafka.admin.ConfigCommand', '--bootstrap-server', bootstrap, ...words];
  // Of one user one at a time.
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const config = `${mechanism}=[password=${password}]`;
    await run('java', ['-cp', await ensureJars(), ...command, '--add-config', config]);
  }
}
