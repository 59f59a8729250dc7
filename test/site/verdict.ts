// Counts what is in Kafka against what the devices say that they sent: by (device, boot, seq), in arrival
// order, without sorting. An event that nobody accepted is a failure too.

/** The form of the header `hw-id`. */
const identity = /^(\d+)\/(\d+)$/;

export interface Verdict {
  accepted: number;
  inKafka: number;
  lost: number;
  twice: number;
  outOfOrder: number;
  /** In Kafka, but no device accepted it, or with another value than was sent. */
  invented: number;
}

export function createCounter() {
  /** device → seqs as they arrived, per boot. */
  const seen = new Map<string, Map<number, Set<number>>>();
  const last = new Map<string, { boot: number; seq: number }>();
  const values = new Map<string, string>();
  let inKafka = 0;
  let twice = 0;
  let outOfOrder = 0;
  let unreadable = 0;

  function take(record: { key: string; headers: Record<string, string>; value: string }): void {
    inKafka += 1;
    const match = identity.exec(record.headers['hw-id'] ?? '');
    if (match === null) {
      unreadable += 1;
      return;
    }
    const boot = Number(match[1]);
    const seq = Number(match[2]);
    const boots = seen.get(record.key) ?? new Map<number, Set<number>>();
    seen.set(record.key, boots);
    const seqs = boots.get(boot) ?? new Set<number>();
    boots.set(boot, seqs);
    if (seqs.has(seq)) twice += 1;
    else values.set(`${record.key} ${boot}/${seq}`, record.value);
    seqs.add(seq);
    const before = last.get(record.key);
    if (
      before !== undefined &&
      (boot < before.boot || (boot === before.boot && seq < before.seq))
    ) {
      outOfOrder += 1;
    }
    last.set(record.key, { boot, seq });
  }

  /** `sent`: the accepted events of each device's only boot, by seq; the value as JSON. */
  function judge(sent: ReadonlyMap<string, ReadonlyMap<number, string>>): Verdict {
    let accepted = 0;
    let lost = 0;
    let found = 0;
    let invented = unreadable;
    for (const [device, events] of sent) {
      accepted += events.size;
      const [boot, seqs] = [...(seen.get(device) ?? new Map<number, Set<number>>())][0] ?? [
        0,
        null,
      ];
      for (const [seq, value] of events) {
        if (seqs === null || !seqs.has(seq)) lost += 1;
        else if (values.get(`${device} ${boot}/${seq}`) === value) found += 1;
      }
    }
    // Whatever is not the first arrival of an accepted event with its value was made up on the way.
    invented = inKafka - twice - found;
    return { accepted, inKafka, lost, twice, outOfOrder, invented };
  }

  return { take, judge };
}

export function isClean(verdict: Verdict): boolean {
  const { accepted, inKafka, lost, twice, outOfOrder, invented } = verdict;
  return accepted === inKafka && lost + twice + outOfOrder + invented === 0;
}

export function sentence(verdict: Verdict): string {
  const { accepted, inKafka, lost, twice, outOfOrder, invented } = verdict;
  const text = `accepted=${accepted} in-kafka=${inKafka} lost=${lost} twice=${twice} out-of-order=${outOfOrder}`;
  return invented === 0 ? text : `${text} invented=${invented}`;
}
