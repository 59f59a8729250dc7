// Whether a broker and a client speak the same versions of each request that we need: looked at first, since what a broker lacks would be
// met in the middle of a transaction. No client looks at the lowest version that a broker takes.

/** The least version of each request whose fields we need. All of them came with Kafka 0.11. */
const always = {
  Produce: 3,
  Fetch: 4,
  ListOffsets: 2,
  Metadata: 4,
  CreateTopics: 0,
  DescribeConfigs: 0,
  InitProducerId: 0,
};
const forTransactions = { FindCoordinator: 1, AddPartitionsToTxn: 0, EndTxn: 0 };

export type RequestName = keyof typeof always | keyof typeof forTransactions;

export interface VersionRange {
  minVersion: number;
  maxVersion: number;
}

/** Why a broker that takes these can't be spoken to by one who speaks each up to `most`. */
export function versionTrouble(
  taken: (name: RequestName) => VersionRange | undefined,
  most: (name: RequestName) => number,
  withTransactions: boolean,
): string | null {
  const needed = { ...always, ...(withTransactions ? forTransactions : {}) };
  for (const [key, least] of Object.entries(needed)) {
    const name = key as RequestName;
    const range = taken(name);
    if (range === undefined || range.maxVersion < least) {
      return `is too old: it does not take ${name}, version ${least}. Kafka 0.11 or newer is needed`;
    }
    if (range.minVersion > most(name)) {
      const from = `${name} from version ${range.minVersion} on`;
      return `is too new: it takes ${from} only, and this proxy speaks it up to ${most(name)}. Kafka 4 is known to work`;
    }
  }
  return null;
}
