// A copied flash: a clone with the store, the key and the name of the original, both with the real SDK and its file store. Told apart by their first blocks, held apart while both
// live; what of either was acknowledged is in the journal once, and what nobody knows is said as a loss ([W-4], [W-5], [W-30], [W-31]).

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
    const more = { ack };
    const topics = ['life'];
    site = await Attacked.start(`copied-${auth}`, { door, auth, devices, bootstrap, topics, more });
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

  /** Each is there once; losses that are said. */
  async function isWhole(device: string, ...lives: Life[]): Promise<string[]> {
    const taken = (await site.inKafka()).filter((one) => one.device === device);
    const events = taken.filter(({ stream }) => stream === 'life');
    const values = events.map(({ value }) => {
      const { who, n } = value as { who: string; n: number };
      return `${who} ${n}`;
    });
    const twice = values.filter((value, at) => values.indexOf(value) !== at);
    const sent = lives.flatMap((life) => life.sent);
    assert.equal(
      { twice, lost: sent.filter((one) => !values.includes(one)) },
      { twice: [], lost: [] },
    );
    assert.is(values.length, sent.length);
    return taken
      .filter(({ stream }) => stream !== 'life')
      .map(({ value }) => (value as { reason: string }).reason);
  }

  test('booted after it, with what it held: what both hold is one event, what each sends is its own', async () => {
    const flash = flashOf();
    const original = await boot('after', 'original', flash);
    original.send(20);
    await original.safe();
    original.unplug();
    original.send(20);
    await original.stored();
    const copy = await copyOf(flash);
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
    const reasons = await isWhole('after', original, clone, again);
    // What waited in the RAM of the original, and of the clone, when their power ended.
    assert.equal(reasons, ['tail-unknown', 'tail-unknown']);
    assert.ok((await site.counted('renumbered')) >= 1, 'the number of the clone');
  });

  // Two that live at once wait for each other, ten seconds and more.
  if (ack === 'kafka')
    test('booted beside it: held apart, and each comes through', async () => {
      const flash = flashOf();
      const original = await boot('beside', 'original', flash);
      original.send(20);
      await original.safe();
      original.unplug();
      original.send(20);
      await original.stored();
      const copy = await copyOf(flash);
      original.isPlugged = true;
      const clone = await boot('beside', 'clone', copy);
      for (let round = 0; round < 5; round++) {
        original.send(5);
        clone.send(5);
        await original.stored();
      }
      await Promise.all([original.safe(), clone.safe()]);
      const reasons = await isWhole('beside', original, clone);
      assert.ok(
        reasons.every((reason) => reason === 'tail-unknown'),
        `${reasons}`,
      );
      assert.ok((await site.counted('replaced')) > 0);
    });

  test.run();
}
