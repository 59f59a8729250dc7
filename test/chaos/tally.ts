// Counts what a read_committed consumer found against the ledger, by (device, boot, seq), in arrival order and
// without sorting. Each seq that was given out is in Kafka once, or in one reported range of lost ones: never
// in neither, never in both, never twice.

import { eventOf, type Ledger, streamOf } from './ledger.js';

export interface Counted {
  topic: string;
  key: string;
  headers: Record<string, string>;
  value: string;
}

/** Integers that a sound run has 0 of, from `lost` on. */
export interface Verdict {
  accepted: number;
  refused: number;
  inKafka: number;
  reportedLost: number;
  lost: number;
  twice: number;
  outOfOrder: number;
  /** In Kafka, and nobody accepted it, or it was sent with another value or to another topic. */
  invented: number;
  /** Not taken by send(), and its loss was not reported. */
  unreported: number;
  /** In Kafka, and reported as lost. */
  contradicted: number;
}

export interface Tally {
  take(record: Counted): void;
  /** What is amiss, one line each; a few of each kind. */
  readonly remarks: string[];
  judge(ledger: Pick<Ledger, 'pages'>, boots: ReadonlyMap<string, number | null>): Verdict;
}

interface Seen {
  /** By seq: how often it arrived. */
  arrived: number[];
  /** By seq: how often it was reported lost. */
  reported: number[];
  /** topic → the seq that came last. */
  last: Map<string, number>;
}

export const remarksMax = 20;

export function createTally(prefix: string): Tally {
  /** `<device> <boot>` */
  const lives = new Map<string, Seen>();
  const remarks: string[] = [];
  const counts = { inKafka: 0, reportedLost: 0, twice: 0, outOfOrder: 0, invented: 0 };

  function remark(text: string): void {
    if (remarks.length < remarksMax) remarks.push(text);
  }

  function lifeOf(device: string, boot: number): Seen {
    const name = `${device} ${boot}`;
    let life = lives.get(name);
    if (life === undefined) {
      life = { arrived: [], reported: [], last: new Map() };
      lives.set(name, life);
    }
    return life;
  }

  function takeLoss({ key, value }: Counted): void {
    const { boot, from, to, reason } = JSON.parse(value) as Record<string, number | null>;
    if (typeof boot !== 'number' || typeof from !== 'number' || typeof to !== 'number') {
      counts.invented += 1;
      remark(`${key}: a loss without an end, reason ${reason}: no device of this run restarted`);
      return;
    }
    const { reported } = lifeOf(key, boot);
    for (let seq = from; seq < to; seq++) {
      reported[seq] = (reported[seq] ?? 0) + 1;
      if (reported[seq] === 1) continue;
      counts.twice += 1;
      remark(`${key} ${boot}/${seq}: its loss is reported twice`);
    }
  }

  function takeEvent({ topic, key, headers, value }: Counted): void {
    const match = /^(\d+)\/(\d+)$/.exec(headers['hw-id'] ?? '');
    if (match === null) {
      counts.invented += 1;
      remark(`${topic}: a record of ${key} without an identity`);
      return;
    }
    const life = lifeOf(key, Number(match[1]));
    const seq = Number(match[2]);
    const name = `${key} ${match[0]}`;
    const times = (life.arrived[seq] ?? 0) + 1;
    life.arrived[seq] = times;
    if (times > 1) {
      counts.twice += 1;
      remark(`${name}: ${times} times`);
    } else counts.inKafka += 1;
    const before = life.last.get(topic);
    if (before !== undefined && seq < before) {
      counts.outOfOrder += 1;
      remark(`${name}: behind ${before} in ${topic}`);
    }
    life.last.set(topic, seq);
    if (topic !== prefix + streamOf(seq) || value !== JSON.stringify(eventOf(seq))) {
      counts.invented += 1;
      remark(`${name}: ${value} in ${topic} is not what was sent`);
    }
  }

  function judge(
    ledger: Pick<Ledger, 'pages'>,
    boots: ReadonlyMap<string, number | null>,
  ): Verdict {
    const verdict: Verdict = {
      ...{ accepted: 0, refused: 0, ...counts, reportedLost: 0 },
      ...{ lost: 0, unreported: 0, contradicted: 0 },
    };
    const expected = new Set<string>();
    for (const [device, { taken }] of ledger.pages) {
      const boot = boots.get(device) ?? 0;
      expected.add(`${device} ${boot}`);
      const { arrived, reported } = lifeOf(device, boot);
      for (const [seq, isTaken] of taken.entries()) {
        const isThere = (arrived[seq] ?? 0) > 0;
        const isReported = (reported[seq] ?? 0) > 0;
        const name = `${device} ${boot}/${seq}`;
        verdict[isTaken ? 'accepted' : 'refused'] += 1;
        if (isReported && isThere) {
          verdict.contradicted += 1;
          remark(`${name}: in Kafka, and reported lost`);
        } else if (isReported) verdict.reportedLost += isTaken ? 1 : 0;
        else if (isTaken && !isThere) {
          verdict.lost += 1;
          remark(`${name}: lost`);
        } else if (!isTaken && !isThere) {
          verdict.unreported += 1;
          remark(`${name}: refused by send(), and not reported`);
        }
        if (isThere && !isTaken) {
          verdict.invented += 1;
          remark(`${name}: send() refused it, and it is in Kafka`);
        }
      }
      const beyond = (seqs: number[]) => Object.keys(seqs.slice(taken.length)).length;
      const more = beyond(arrived) + beyond(reported);
      verdict.invented += more;
      if (more > 0)
        remark(`${device}: ${more} seqs from ${taken.length} on, which it never gave out`);
    }
    for (const [name, { arrived }] of lives) {
      if (expected.has(name)) continue;
      const events = Object.keys(arrived).length;
      verdict.invented += events;
      remark(`${name}: ${events} events of a boot that no device had`);
    }
    return verdict;
  }

  return {
    take: (record) =>
      record.topic === `${prefix}headwater.loss` ? takeLoss(record) : takeEvent(record),
    remarks,
    judge,
  };
}

export function isClean(verdict: Verdict): boolean {
  const { accepted, inKafka, reportedLost, lost, twice, outOfOrder } = verdict;
  const { invented, unreported, contradicted } = verdict;
  const amiss = lost + twice + outOfOrder + invented + unreported + contradicted;
  return amiss === 0 && accepted > 0 && accepted === inKafka + reportedLost;
}

export function sentence(verdict: Verdict): string {
  const { accepted, inKafka, reportedLost, lost, twice, outOfOrder } = verdict;
  const { invented, unreported, contradicted } = verdict;
  const sound =
    `accepted=${accepted} in-kafka=${inKafka} reported-lost=${reportedLost} ` +
    `lost=${lost} twice=${twice} out-of-order=${outOfOrder} invented=${invented}`;
  const rest = unreported + contradicted;
  return rest === 0 ? sound : `${sound} unreported=${unreported} contradicted=${contradicted}`;
}
