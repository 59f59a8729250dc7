// Whose a lane is, told from the claims in the position topic: KAFKA.md [K-31]. Of several lanes all are one proxy's, and the first one's
// claim says whose: else two that start at once would each have some.

import type { LaneOptions } from './lane-types.js';
import type { Claim, LaneState } from './sink.js';

type Options = Pick<
  LaneOptions,
  'lane' | 'journalId' | 'host' | 'proxy' | 'firstClaim' | 'isByKafka' | 'clock'
>;

export class Ownership {
  readonly #options: Options;
  #claim: Claim;
  /** Whose lane it was before we claimed it for the first time: that claim is older than ours. */
  #ownerBefore: string | null = null;
  /** Kafka answered to our claim. Until then a claim that appears may be of a predecessor's last request. */
  #isClaimed = false;

  constructor(options: Options) {
    this.#options = options;
    const { lane, journalId: journal, host, proxy } = options;
    const owner = this.#freshOwner();
    this.#claim = { lane, owner, journal, host, ...(proxy === undefined ? {} : { proxy }) };
  }

  get claim(): Claim {
    return this.#claim;
  }

  claimed(): void {
    this.#isClaimed = true;
  }

  /** Before the fence: who has taken the lane since it was ours; `not-yet`: first the first lane is to be this proxy's. */
  async before(state: LaneState): Promise<Claim | 'not-yet' | null> {
    if (this.#isClaimed) return this.taker(state);
    this.#ownerBefore = state.claim?.owner ?? null;
    const { firstClaim, proxy } = this.#options;
    const isFirst = firstClaim === undefined || (await firstClaim())?.proxy === proxy;
    return isFirst ? null : 'not-yet';
  }

  /** Whose claim ends this lane; null: it is ours, or to be claimed again. */
  async taker(state: LaneState): Promise<Claim | null> {
    const foreign = this.#foreign(state);
    const { firstClaim, proxy } = this.#options;
    if (firstClaim === undefined) return foreign;
    const first = await firstClaim();
    if (first !== null && first.proxy !== proxy) return first;
    if (foreign === null) return null;
    // That proxy is to go. It took our claim for older than its own: ours is another now.
    this.#ownerBefore = foreign.owner;
    this.#claim = { ...this.#claim, owner: this.#freshOwner() };
    return null;
  }

  /** A claim that is neither ours, nor older than ours, nor bound to be refused. */
  #foreign({ claim, position }: LaneState): Claim | null {
    if (claim === null || claim.owner === this.#claim.owner) return null;
    // It fenced us before it saw the position, which is of our journal and none of its own.
    const { journalId, isByKafka } = this.#options;
    const isMistaken = claim.journal !== journalId && position?.journal === journalId;
    if (isMistaken && isByKafka !== true) return null;
    return claim.owner === this.#ownerBefore ? null : claim;
  }

  #freshOwner(): string {
    return Buffer.from(this.#options.clock.random(16)).toString('hex');
  }
}
