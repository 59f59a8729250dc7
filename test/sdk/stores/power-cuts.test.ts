import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { FlashModel } from './flash-model.js';
import { PowerSite } from './power-site.js';

// Power cuts at every step of what a flash store writes and erases: seeded sequences of sending, restarting, draining, updates of the
// firmware and numbers that the proxy changes, each run again and again with the power ending one step later, and a second time while the store
// recovers. CUTS_EVERY=1 takes each step, SEQUENCES=2000 more sequences.

interface Sequence {
  seed: number;
  sectorBytes: number;
  sectors: number;
  alignBytes: number;
  isRoomy: boolean;
  isRenumbered: boolean;
}

function sequence(seed: number): Sequence {
  const random = new Random(seed * 7919);
  const isRoomy = random.chance(1 / 2);
  return {
    seed,
    sectorBytes: isRoomy ? random.pick([1024, 4096]) : random.pick([512, 1024]),
    sectors: isRoomy ? 12 : random.pick([2, 3, 4]),
    alignBytes: random.pick([1, 4, 8]),
    isRoomy,
    isRenumbered: random.chance(1 / 4),
  };
}

interface Run {
  steps: number;
  arrived: number;
  cuts: number;
  cutIn: Record<'write' | 'erase', number>;
}

/** `cuts`: at which step the power ends, and how many steps behind that again. */
function run(of: Sequence, cuts: readonly number[]): Run {
  const cutIn = { write: 0, erase: 0 };
  const random = new Random(of.seed);
  // A cut leaves something else each time; the operations are the same.
  const remains = new Random(of.seed * 31 + (cuts[0] ?? 0) * 17 + (cuts[1] ?? 0));
  const content = random.chance(1 / 2)
    ? new Uint8Array(of.sectorBytes * of.sectors).fill(0xff)
    : random.bytes(of.sectorBytes * of.sectors);
  const flash = new FlashModel(of.sectorBytes, of.sectors, of.alignBytes, remains, content);
  const site = new PowerSite(of.seed, flash, random.pick([256, 512, 1024]));
  const left = [...cuts];
  let done = 0;
  const nextCut = () => {
    flash.powerUp();
    const next = left.shift();
    flash.cutAt = next === undefined ? Infinity : flash.steps + next;
  };
  /** Does it, and on a cut goes on with a new life. */
  const survive = (task: () => void) => {
    while (site.isCut(task)) {
      done++;
      cutIn[flash.cutIn!]++;
      nextCut();
      task = () => site.boot();
    }
  };
  nextCut();
  if (of.isRenumbered) foreign(site, of.seed);
  survive(() => site.boot());
  for (let operation = 0; operation < 24; operation++) {
    const kind = random.below(16);
    const amount = 1 + random.below(8);
    const ms = 40 + random.below(500);
    survive(() => {
      if (kind < 7) for (let event = 0; event < amount; event++) site.life.send();
      else if (kind < 9) site.boot();
      else if (kind < 10) site.goOffline();
      else if (kind < 11) site.isOnline = true;
      else if (kind < 12) site.crashProxy();
      else site.journal.sync();
      site.advance(ms);
    });
  }
  const steps = flash.steps;
  for (let isDrained = false; !isDrained; ) {
    survive(() => {
      site.life.send();
      site.drain();
      isDrained = true;
    });
  }
  site.check(of.isRoomy);
  const spread = Math.max(...flash.erases) - Math.min(...flash.erases);
  // A sector whose erasing or whose head was cut is erased again.
  assert.ok(spread <= 1 + done, `erases: ${flash.erases}`);
  if (site.lives.length === 1) {
    assert.ok(site.missing.missing <= site.missing.dropped, 'what was given up is counted');
  }
  return { steps, arrived: site.arrived, cuts: done, cutIn };
}

/** Another device had the numbers that this one will choose: the proxy gives it others. */
function foreign(site: PowerSite, seed: number): void {
  const draws = new Random(seed);
  // As the first boot draws: its clock, which firmware it is, and the base.
  draws.next();
  draws.next();
  const base = Math.floor(draws.next() * 2 ** 31);
  for (const boot of [base + 1, base + 2]) {
    site.journal.append({
      ...{ kind: 'block', device: 'press-07', boot, first: 0, count: 400, from: 0 },
      ...{ table: 'foreign', arrivalMs: -1, offsetMs: 0, lastTimeMs: 0, quality: 'synced' },
      bytes: Uint8Array.of(1, 2, 3),
    } as never);
  }
  site.journal.sync();
}

const SEQUENCES = Number(process.env.SEQUENCES ?? 120);
const EVERY = Number(process.env.CUTS_EVERY ?? 29);

test(`${SEQUENCES} sequences, the power ends at each ${EVERY}th step, and again while it recovers`, () => {
  const sum = { sequences: 0, cuts: 0, write: 0, erase: 0, arrived: 0 };
  const [only] = process.env.SEED ? [Number(process.env.SEED)] : [];
  for (let seed = only ?? 1; seed <= (only ?? SEQUENCES); seed++) {
    const of = sequence(seed);
    const cutting = new Random(seed + 1);
    let cuts: number[] = process.env.CUT ? process.env.CUT.split(',').map(Number) : [];
    try {
      const whole = run(of, cuts);
      sum.sequences++;
      sum.arrived += whole.arrived;
      if (process.env.CUT) continue;
      for (let at = cutting.below(EVERY); at < whole.steps; at += EVERY) {
        cuts = cutting.chance(1 / 2) ? [at] : [at, cutting.below(120), cutting.below(200)];
        const cut = run(of, cuts);
        sum.cuts += cut.cuts;
        sum.write += cut.cutIn.write;
        sum.erase += cut.cutIn.erase;
        sum.arrived += cut.arrived;
      }
    } catch (error) {
      const { message, stack } = error as Error;
      throw new Error(`SEED=${seed} CUT=${cuts}: ${message}\n${stack}`, { cause: error });
    }
  }
  console.log(JSON.stringify(sum));
});

test.run();
