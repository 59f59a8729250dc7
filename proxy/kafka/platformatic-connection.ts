// One connection to one broker, on @platformatic/kafka's protocol layer: a request goes out once, in a version that both ends speak, and
// is answered, or fails. What we use of the library is here and in platformatic-connections.ts: its sockets, logins and encodings. Not its
// clients, which try again by themselves: KAFKA.md, "@platformatic/kafka", says why.

import type { Connection } from '@platformatic/kafka';
import { causeOf } from './platformatic-errors.js';
import type { Library } from './platformatic-library.js';
import { type ProduceAnswer, type ProduceRequest, produceApi } from './platformatic-produce.js';
import type { RequestName, VersionRange } from './protocol-versions.js';

/** The highest version of each that we speak: all answer in one form, and Kafka 2.1 to 4 take them. */
export const spoken = {
  Produce: 7,
  Fetch: 11,
  ListOffsets: 5,
  Metadata: 8,
  CreateTopics: 4,
  DescribeConfigs: 3,
  InitProducerId: 1,
  FindCoordinator: 2,
  // From version 4 on it is for brokers among themselves, and needs their rights.
  AddPartitionsToTxn: 2,
  EndTxn: 2,
} as const satisfies Record<RequestName, number>;

interface Requests {
  Fetch: Library['fetchV11']['api'];
  ListOffsets: Library['listOffsetsV5']['api'];
  Metadata: Library['metadataV8']['api'];
  CreateTopics: Library['createTopicsV4']['api'];
  DescribeConfigs: Library['describeConfigsV3']['api'];
  InitProducerId: Library['initProducerIdV1']['api'];
  FindCoordinator: Library['findCoordinatorV2']['api'];
  AddPartitionsToTxn: Library['addPartitionsToTxnV2']['api'];
  EndTxn: Library['endTxnV2']['api'];
}

type AskedName = keyof Requests;
type Asked<Name extends AskedName> =
  Parameters<Requests[Name]['async']> extends [Connection, ...infer Rest] ? Rest : never;
export type Answer<Name extends AskedName> = Awaited<ReturnType<Requests[Name]['async']>>;

export type Versions = ReadonlyMap<string, VersionRange>;

export interface BrokerConnection {
  ask<Name extends AskedName>(name: Name, ...request: Asked<Name>): Promise<Answer<Name>>;
  produce(request: ProduceRequest): Promise<ProduceAnswer>;
}

export function brokerConnection(
  library: Library,
  connection: Connection,
  versions: Versions,
): BrokerConnection {
  const versionOf = (name: RequestName) =>
    Math.min(spoken[name], versions.get(name)?.maxVersion ?? 0);
  const { async: produce } = produceApi(library, versionOf('Produce'));
  const fails = (error: unknown): never => {
    throw causeOf(error);
  };
  return {
    ask(name, ...request) {
      const module = `${name[0]?.toLowerCase()}${name.slice(1)}V${versionOf(name)}`;
      const { api } = (library as unknown as Record<string, { api: Requests[typeof name] }>)[
        module
      ]!;
      const send = api.async as (...all: unknown[]) => Promise<Answer<typeof name>>;
      return send(connection, ...request).catch(fails);
    },
    produce: (request) => produce(connection, request).catch(fails),
  };
}
