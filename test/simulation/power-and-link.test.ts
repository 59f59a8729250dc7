import { test } from 'uvu';
import { Random } from '../random.js';
import { FlashModel } from '../sdk/stores/flash-model.js';
import { PowerSite } from '../sdk/stores/power-site.js';

// As device-and-session.test.ts, with a device whose store is in flash: a link on which everything goes wrong, a proxy that is killed, and power that
// ends anywhere, within a write and an erase too. What was stored arrives once, in order, the oldest boot first.

function run(seed: number): { arrived: number; cuts: number } {
  const random = new Random(seed + 1_000);
  const flash = new FlashModel(random.pick([2048, 4096]), 24, random.pick([4, 8]), random.fork());
  const site = new PowerSite(seed, flash, random.pick([256, 512, 1024]));
  let cuts = 0;
  const survive = (task: () => void) => {
    for (let next = task; site.isCut(next); next = () => site.boot()) {
      cuts++;
      flash.powerUp();
      flash.cutAt = flash.steps + random.below(3_000);
    }
  };
  flash.cutAt = random.below(3_000);
  survive(() => site.boot());
  site.faulty.healed = false;
  for (let step = 0; step < 500; step++) {
    survive(() => {
      site.advance(1 + random.below(200));
      if (random.chance(1 / 2)) site.life.send();
    });
    if (random.chance(1 / 3)) site.journal.sync();
    if (random.chance(1 / 60)) site.faulty.cut();
    if (random.chance(1 / 80)) site.faulty.swallow(random.below(20_000));
    if (random.chance(1 / 150)) site.journal.fail();
    if (random.chance(1 / 200)) site.crashProxy();
    if (random.chance(1 / 150)) survive(() => site.boot());
  }
  flash.powerUp();
  site.life.send();
  site.drain();
  site.check(true);
  return { arrived: site.arrived, cuts };
}

const SEEDS = 60;
test(`${SEEDS} seeds of a device with flash, 500 steps each`, () => {
  let arrived = 0;
  let cuts = 0;
  const [only] = process.env.SEED ? [Number(process.env.SEED)] : [];
  for (let seed = only ?? 1; seed <= (only ?? SEEDS); seed++) {
    try {
      const done = run(seed);
      arrived += done.arrived;
      cuts += done.cuts;
    } catch (error) {
      throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  console.log(`${arrived} events arrived, the power ended ${cuts} times`);
});

test.run();
