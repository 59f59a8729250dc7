import type { Balance } from '../../proxy/books.js';
import type { Entry, ModelBroker } from './model-broker.js';
import { type Found, type TrueClock, wrongTime } from './oracle-times.js';
import type { Run, SiteDevice } from './site-device.js';

// What must be true of a site that was drained, whatever had happened: of each boot every event that `send` took is in Kafka once, in
// order, with its value and its time, or in one range of lost events; nothing is there that nobody sent; the books balance.
// It reads Kafka as a consumer does, and what the firmware had written down; it knows nothing of the proxy.

export class Violation extends Error {
  override name = 'Violation';
}

export interface Evidence {
  devices: readonly SiteDevice[];
  broker: ModelBroker;
  balance: Balance;
  /** What the proxy's wall clock may have said at the scheduler's 0: it is set at times. */
  clock: TrueClock;
  site: string;
}

export interface Verdict {
  events: number;
  /** Seqs in ranges of lost events. */
  lost: number;
}

interface Loss {
  boot: number;
  from: number;
  to: number | null;
  reason: string;
}

interface Boot {
  run: Run;
  /** By seq: what is in Kafka. */
  there: Map<number, Found>;
}

export function judge(evidence: Evidence): Verdict {
  const { balance } = evidence;
  const verdict = { events: 0, lost: 0 };
  const reasons: Record<string, number> = {};
  for (const device of evidence.devices) {
    const { boots, events } = readEvents(evidence, device);
    const losses = readLosses(evidence, device);
    verdict.events += events;
    for (const { from, to, reason } of losses) {
      reasons[reason] = (reasons[reason] ?? 0) + (to === null ? 1 : to - from);
      verdict.lost += (to ?? from) - from;
    }
    for (const [boot, { run, there }] of boots) {
      const wrong = wrongTime(device, run, there, evidence.clock);
      if (wrong !== null) throw new Violation(`${device.name} ${boot}/${wrong}`);
    }
    checkCover(device, boots, losses);
    checkReasons(device, losses);
    for (const run of device.runs) checkKept(device, run, boots, losses);
  }
  checkBooks(balance, verdict.events, reasons);
  return verdict;
}

function readEvents(
  { broker, site }: Evidence,
  device: SiteDevice,
): { boots: Map<number, Boot>; events: number } {
  const boots = new Map<number, Boot>();
  let events = 0;
  for (const topic of broker.topics()) {
    if (topic.startsWith(`${site}.headwater.`)) continue;
    for (let partition = 0; partition < broker.partitions(topic); partition++) {
      let before = { run: -1, seq: -1 };
      for (const entry of broker.fetch(topic, partition)) {
        if (text(entry.key) !== device.name) continue;
        events++;
        const [boot, seq] = identity(entry);
        const who = `${device.name} ${boot}/${seq} in ${topic}`;
        const value = JSON.parse(text(entry.value)) as Record<string, unknown>;
        const run = device.runs[Number(value.run)];
        if (run === undefined) throw new Violation(`${who}: nobody sent it: ${text(entry.value)}`);
        checkValue(who, run, seq, value, topic.slice(site.length + 1));
        const known = boots.get(boot) ?? { run, there: new Map<number, Found>() };
        boots.set(boot, known);
        if (known.run !== run) throw new Violation(`${who}: two runs under one number`);
        if (known.there.has(seq)) throw new Violation(`${who}: twice`);
        const { timestampMs, headers } = entry;
        known.there.set(seq, { timestampMs, quality: headers['hw-time'] ?? '', topic });
        const isInOrder =
          run.number > before.run || (run.number === before.run && seq > before.seq);
        if (!isInOrder) {
          throw new Violation(`${who}: behind run ${before.run}, seq ${before.seq}`);
        }
        before = { run: run.number, seq };
      }
    }
  }
  return { boots, events };
}

function checkValue(
  who: string,
  run: Run,
  seq: number,
  value: Record<string, unknown>,
  stream: string,
): void {
  const sent = run.sent[seq];
  const found = JSON.stringify(value);
  if (sent === undefined || sent.outcome === 'refused') {
    throw new Violation(`${who}: not accepted`);
  }
  if (sorted(sent.value) !== sorted(value) || sent.stream !== stream) {
    const expected = JSON.stringify(sent.value);
    throw new Violation(`${who}: ${found}, sent was ${expected} of ${sent.stream}`);
  }
}

function readLosses({ broker, site }: Evidence, device: SiteDevice): Loss[] {
  const topic = `${site}.headwater.loss`;
  const losses: Loss[] = [];
  for (const entry of broker.fetch(topic, 0)) {
    if (text(entry.key) === device.name) losses.push(JSON.parse(text(entry.value)));
  }
  return losses;
}

/** Each seq below a boot's place is there once, or in one range; only its tail is unknown. */
function checkCover(
  device: SiteDevice,
  boots: ReadonlyMap<number, Boot>,
  losses: readonly Loss[],
): void {
  const all = new Set([...boots.keys(), ...losses.map(({ boot }) => boot)]);
  for (const boot of all) {
    const who = `${device.name}, boot ${boot}`;
    const covered = new Set(boots.get(boot)?.there.keys());
    const mine = losses.filter((loss) => loss.boot === boot);
    for (const { from, to, reason } of mine) {
      for (let seq = from; seq < (to ?? from); seq++) {
        if (covered.has(seq)) throw new Violation(`${who}: ${seq} is covered twice (${reason})`);
        covered.add(seq);
      }
    }
    const place = covered.size;
    for (let seq = 0; seq < place; seq++) {
      if (!covered.has(seq)) throw new Violation(`${who}: nothing says what became of ${seq}`);
    }
    const tails = mine.filter(({ to }) => to === null);
    if (tails.length > 1) throw new Violation(`${who}: its end was said ${tails.length} times`);
    for (const tail of tails) {
      if (tail.from === place) continue;
      throw new Violation(`${who}: it ended at ${tail.from}, and goes to ${place}`);
    }
    const run = boots.get(boot)?.run;
    if (run === undefined) continue;
    const isLast = run === device.run;
    if (isLast && place !== run.sent.length) {
      throw new Violation(`${who}: goes to ${place}, sent were ${run.sent.length}`);
    }
    const isFollowed = [...boots.values()].some((other) => other.run.number > run.number);
    if (isFollowed && tails.length === 0 && place < run.sent.length) {
      throw new Violation(`${who}: its end was not said`);
    }
  }
}

function checkReasons({ name, shape }: SiteDevice, losses: readonly Loss[]): void {
  for (const { boot, reason } of losses) {
    const isOdd =
      shape.store === 'ram' && !['overflow', 'refused', 'tail-unknown'].includes(reason);
    if (isOdd || reason === 'undecodable') {
      throw new Violation(`${name}, boot ${boot}: lost for the reason ${reason}`);
    }
  }
}

/** What was acknowledged or stored, and not given up by the device itself, is there. */
function checkKept(
  device: SiteDevice,
  run: Run,
  boots: ReadonlyMap<number, Boot>,
  losses: readonly Loss[],
): void {
  const [boot, found] = [...boots].find(([, one]) => one.run === run) ?? [null, null];
  const who = `${device.name}, run ${run.number}, boot ${boot}`;
  const isMissing = (seq: number) =>
    run.sent[seq]?.outcome === 'accepted' && found?.there.has(seq) !== true;
  for (const seq of run.stored) {
    if (isMissing(seq) && !run.erased.has(seq)) {
      throw new Violation(
        `${who}: ${seq} was stored, its sector was not erased, and it is not there`,
      );
    }
  }
  if (device.shape.store !== 'ram') return;
  const { dropped, refused } = run.sdk.stats();
  let missing = 0;
  for (let seq = 0; seq < run.acknowledged; seq++) if (isMissing(seq)) missing++;
  if (missing > dropped) {
    throw new Violation(`${who}: ${missing} acknowledged and not there, given up ${dropped}`);
  }
  if (found === null) return;
  let lost = 0;
  for (const loss of losses) if (loss.boot === boot) lost += (loss.to ?? loss.from) - loss.from;
  // What it gave up may have been received, with the answer under way.
  if (lost > dropped + refused) {
    throw new Violation(`${who}: ${lost} are said to be lost, given up ${dropped + refused}`);
  }
}

function checkBooks(balance: Balance, events: number, reasons: Record<string, number>): void {
  const text = JSON.stringify(balance);
  if (!balance.balanced) throw new Violation(`the books do not balance: ${text}`);
  if (balance.committed !== events) {
    throw new Violation(`${events} events are in Kafka, and the books say: ${text}`);
  }
  if (balance.buffered !== 0) throw new Violation(`events are left in the journal: ${text}`);
  if (sorted(balance.lost) !== sorted(reasons)) {
    throw new Violation(`lost are ${sorted(reasons)}, and the books say: ${text}`);
  }
}

function identity({ headers }: Entry): [boot: number, seq: number] {
  const [boot, seq] = (headers['hw-id'] ?? '').split('/').map(Number);
  return [boot ?? Number.NaN, seq ?? Number.NaN];
}

function sorted(value: Record<string, unknown>): string {
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString();
}
