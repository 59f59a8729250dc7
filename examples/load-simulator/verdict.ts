// The end of the count: accepted = in Kafka + reported lost + lost with the power, unheard + still waiting. What is in none of them is lost.

import type { Amiss, Ledger, Pages } from './ledger.js';
import type { Page } from './page.js';

export interface Verdict extends Amiss {
  isSound: boolean;
  accepted: number;
  refused: number;
  inKafka: number;
  reportedLost: number;
  /** In the RAM of devices whose power the simulator cut before the proxy had anything of that boot: nobody can report them. */
  unheard: number;
  /** Neither in Kafka nor lost as far as anyone can tell: where the run was cut short, or nothing moved any more. */
  waitingOnDevices: number;
  waitingInProxy: number;
  /** Not in Kafka, though a later event of the same device is, and not reported. */
  lost: number;
  /** Refused by send(), and that is not reported. */
  unreported: number;
  /** Where delivery is at-least-once. */
  repeats: number;
  /** Records of others, and of runs before. */
  others: number;
  remarks: string[];
}

const remarksMax = 100;

export function judge(ledger: Ledger): Verdict {
  const { totals, amiss, repeats, others } = ledger;
  const { accepted, refused, inKafka, reportedLost } = totals;
  const verdict: Verdict = {
    ...{ isSound: false, accepted, refused, inKafka, reportedLost },
    ...{ unheard: 0, waitingOnDevices: 0, waitingInProxy: 0, lost: 0, unreported: 0 },
    ...amiss,
    ...{ repeats, others, remarks: [...ledger.remarks] },
  };
  for (const pages of ledger.devices.values()) {
    for (const page of pages.lives) judgePage(verdict, pages, page);
  }
  const sum = Object.keys(amiss).reduce((all, kind) => all + verdict[kind as keyof Amiss], 0);
  const { unheard, waitingOnDevices, waitingInProxy, lost, unreported } = verdict;
  const waiting = waitingOnDevices + waitingInProxy;
  verdict.isSound =
    sum + lost + unreported + waiting === 0 && accepted === inKafka + reportedLost + unheard;
  return verdict;
}

function judgePage(verdict: Verdict, pages: Pages, page: Page): void {
  const isUnheard =
    page.isCut && page.arrived.size === 0 && page.lost.size === 0 && page.acknowledged === 0;
  for (const [from, to] of missing(page)) {
    const refused = page.refused.count(from, to);
    verdict.unreported += refused;
    if (refused > 0) say(verdict, pages, page, from, to, 'refused by send(), and not reported');
    const events = to - from - refused;
    if (events === 0) continue;
    if (isUnheard) verdict.unheard += events;
    else if (from < page.last || pages.lastLife > page.life) {
      verdict.lost += events;
      say(verdict, pages, page, from, to, 'not in Kafka, and not reported');
    } else {
      const inProxy = Math.max(0, Math.min(to, page.acknowledged) - from);
      verdict.waitingInProxy += Math.min(events, inProxy);
      verdict.waitingOnDevices += Math.max(0, events - inProxy);
    }
  }
}

/** Neither in Kafka nor reported. */
function* missing(page: Page): Generator<[from: number, to: number]> {
  let seq = 0;
  while (seq < page.next) {
    const settled = page.arrived.endOf(seq) ?? page.lost.endOf(seq);
    if (settled !== null) {
      seq = settled;
      continue;
    }
    let end = seq + 1;
    while (end < page.next && !page.arrived.has(end) && !page.lost.has(end)) end++;
    yield [seq, end];
    seq = end;
  }
}

function say(
  verdict: Verdict,
  { name, boots }: Pages,
  page: Page,
  from: number,
  to: number,
  what: string,
): void {
  if (verdict.remarks.length >= remarksMax) return;
  const boot = [...boots].find(([, one]) => one === page)?.[0] ?? '?';
  const range = to === from + 1 ? `${from}` : `${from}–${to - 1}`;
  verdict.remarks.push(`${name} ${boot}/${range}: ${what}`);
}
