// A copied flash: a clone with the store, the key and the name of the original, both with the real SDK and its file store. Told apart by their first blocks, held apart while both
// live; what of either was acknowledged is in Kafka, what nobody knows is said as a loss, and what comes again of a boot that the other has sent to
// its end has the id of the first ([W-4], [W-5], [W-30], [W-31]).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedBroker } from '../kafka/shared-broker.js';
import type { AuthName, DoorName } from './doors.js';
import { Flash, Life } from './flash-device.js';
import { Attacked } from './scene.js';

type Ack = 'journal' | 'kafka';

const modes: [door: DoorName, auth: AuthName, ack: Ack][] = [
  ['tcp', 'keys', 'kafka'],
  ['tcp', 'none', 'journal'],
  ['tls', 'certificate', 'journal'],
];

for (const [door, auth, ack] of modes) {
  const test = suite(`a copied flash, ${auth} by ${door}, ack: ${ack}`);
  let site: Attacked;
  const devices = ['beside', 'after'];

  test.before(async () => {
    // A place is forgotten only where Kafka has its events.
    const bootstrap = await sharedBroker();
    const topics = ['life'];
    site = await Attacked.start(`copied-${auth}`, { door, auth, ack, devices, bootstrap, topics });
  });
  test.after(() => site.end());

  async function boot(device: string, who: string, flash: Flash): Promise<Life> {
    const connect = await site.door.device(device);
    const life = await Life.boot({ device, who, flash, key: site.key(device), connect });
    return site.scene.add(life, (life) => life.cutPower());
  }
  const flashOf = () => site.scene.add(new Flash(), (flash) => flash.remove());
  const copyOf = async (flash: Flash) =>
    site.scene.add(await flash.copy(), (flash) => flash.remove());

  /** An original that was cut off with what it holds, and a copy of its flash of that moment. */
  async function copied(device: string) {
    const flash = flashOf();
    const original = await boot(device, 'original', flash);
    original.send(20);
    await original.safe();
    original.unplug();
    original.send(20);
    await original.stored();
    return { flash, original, copy: await copyOf(flash) };
  }

  /** Each is there, what comes again has the same id, and no other loss is said than nobody can know of. */
  async function isWhole(device: string, ...lives: Life[]): Promise<void> {
    const taken = (await site.inKafka()).filter((one) => one.device === device);
    const events = taken.filter(({ stream }) => stream === 'life');
    const values = events.map(({ value }) => {
      const { who, n } = value as { who: string; n: number };
      return `${who} ${n}`;
    });
    const again = events.filter((_, at) => values.indexOf(values[at]!) !== at);
    for (const { id, value } of again) {
      const first = events.find((one) => JSON.stringify(one.value) === JSON.stringify(value));
      assert.is(id, first?.id, JSON.stringify(value));
    }
    const sent = lives.flatMap((life) => life.sent);
    assert.equal([...new Set(values)].sort(), [...sent].sort());
    const reasons = taken
      .filter(({ stream }) => stream !== 'life')
      .map(({ value }) => (value as { reason: string }).reason);
    // What waited in RAM when the power ended, and what is sent again of a boot whose place is gone.
    assert.equal(
      reasons.filter((reason) => reason !== 'tail-unknown' && reason !== 'perhaps-delivered'),
      [],
    );
  }

  test('booted after it, with what it held: nothing is lost, and what comes again is known by its id', async () => {
    const { flash, original, copy } = await copied('after');
    original.cutPower();
    const clone = await boot('after', 'clone', copy);
    clone.send(20);
    await clone.safe();
    // A proxy that forgets what its device has sent to the end does it once Kafka has that, and a moment later.
    await site.inKafka();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    clone.cutPower();
    const again = await boot('after', 'again', flash);
    again.send(20);
    await again.safe();
    again.cutPower();
    await isWhole('after', original, clone, again);
    assert.ok((await site.counted('renumbered')) >= 1, 'the number of the clone');
  });

  // Two that live at once wait for each other, ten seconds and more.
  if (ack === 'kafka')
    test('booted beside it: held apart, and each comes through', async () => {
      const { original, copy } = await copied('beside');
      original.isPlugged = true;
      const clone = await boot('beside', 'clone', copy);
      for (let round = 0; round < 5; round++) {
        original.send(5);
        clone.send(5);
        await original.stored();
      }
      await Promise.all([original.safe(), clone.safe()]);
      await isWhole('beside', original, clone);
      assert.ok((await site.counted('replaced')) > 0);
    });

  test.run();
}
