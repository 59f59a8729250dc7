// A chaotic run: faults one after the other under load, each healed and flow awaited; then they stop, everything
// drains, and a separate read_committed consumer counts. What is amiss is a list of lines: empty is sound.

import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../random.js';
import { books, type PrintedBooks } from '../site/judge.js';
import type { Fault } from './fault.js';
import type { Resumed, Scene } from './scene.js';
import { isClean, sentence, type Verdict } from './tally.js';

export type Round = Resumed;

export interface Outcome {
  rounds: Round[];
  verdict: Verdict;
  books: PrintedBooks & Record<'lost' | 'dropped', Record<string, number>>;
  amiss: string[];
}

const pauseMs = 1_500;

export async function runChaos(options: {
  scene: Scene;
  rounds: readonly Fault[];
  seed: number;
  /** As performance.now() counts: no round begins after it. */
  endMs: number;
  onRound(round: Round, number: number): void;
}): Promise<Outcome> {
  const { scene, onRound } = options;
  const random = new Random(options.seed + 1);
  await scene.flows('begin', performance.now());
  scene.resumed.length = 0;
  for (const [at, fault] of options.rounds.entries()) {
    if (performance.now() > options.endMs || scene.amiss.length > 0) break;
    await sleep(random.below(pauseMs));
    scene.note(`round ${at + 1}: ${fault.name}`);
    const heal = await fault.inject(scene, random.fork());
    const endMs = await heal();
    scene.note(`round ${at + 1}: healed`);
    onRound(await scene.flows(fault.name, endMs), at + 1);
    await scene.look();
  }
  return { rounds: scene.resumed, ...(await settle(scene)) };
}

/** Everything drains; then it is counted. */
async function settle(scene: Scene): Promise<Omit<Outcome, 'rounds'>> {
  const { amiss, devices } = scene;
  scene.note('faults have stopped');
  const areSafe = await Promise.all(devices.map((device) => device.finish()));
  const proxy = scene.running;
  scene.expectEnd(proxy);
  for (const [at, device] of devices.entries()) {
    if (!areSafe[at]) amiss.push(`${device.name} could not get rid of its events`);
  }
  const code = await proxy.stop();
  if (code !== 0) amiss.push(`the proxy ended with exit code ${code}: ${proxy.said().at(-1)}`);
  await scene.harvest();
  const boots = new Map(devices.map((device) => [device.name, device.stats().boot]));
  const verdict = scene.tally.judge(scene.ledger, boots);
  if (!isClean(verdict)) amiss.push(sentence(verdict));
  const printed = books(proxy) as Outcome['books'];
  amiss.push(...auditProxy(verdict, printed), ...auditDevices(scene), ...scene.tally.remarks);
  return { verdict, books: printed, amiss };
}

/** The proxy's integers against what was counted outside of it. */
function auditProxy(verdict: Verdict, printed: Outcome['books']): string[] {
  const { received, committed, buffered, balanced } = printed;
  const sum = (counts: Record<string, number>) =>
    Object.values(counts).reduce((all, events) => all + events, 0);
  // What a flipped bit took was received before.
  const dropped = sum(printed.dropped);
  const found = [received - dropped, committed, buffered, dropped + sum(printed.lost), balanced];
  const gone = verdict.reportedLost + verdict.refused;
  const counted = [verdict.inKafka, verdict.inKafka, 0, gone, true];
  return String(found) === String(counted)
    ? []
    : [`the proxy's books say received, committed, buffered, lost = ${found}; counted: ${counted}`];
}

/** Each device's against the ledger. */
function auditDevices(scene: Scene): string[] {
  return scene.devices.flatMap((device) => {
    const { accepted, refused, acknowledged, buffered } = device.stats();
    const taken = scene.ledger.pages.get(device.name)?.taken ?? [];
    const isTaken = taken.filter((one) => one).length;
    const found = [accepted, refused, acknowledged, buffered];
    const counted = [isTaken, taken.length - isTaken, taken.length, 0];
    return String(found) === String(counted)
      ? []
      : [`${device.name} says accepted, refused, acknowledged, buffered = ${found}; ${counted}`];
  });
}
