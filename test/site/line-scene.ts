import * as assert from 'uvu/assert';
import { runHeadwater } from './proxy-process.js';
import { openPty, type Pty } from './pty.js';
import { type Sensor, startSensor } from './sensor.js';
import { until } from './until.js';
import { type Wire, wireOf } from './wire.js';

// Devices in QuickJS on real pseudo-terminals, and the count of what a journal holds of them.

export class LineScene {
  readonly #ends: (() => unknown)[] = [];

  /** Ended with the scene, last first. */
  add<Part>(part: Part, end: (part: Part) => unknown): Part {
    this.#ends.push(() => end(part));
    return part;
  }

  /** Never rejects: uvu would leave out the rest of a suite, and the failure that led here, without a word. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        console.error(error);
      }
    }
  }

  async line(seed = 1): Promise<{ pty: Pty; wire: Wire }> {
    const pty = this.add(await openPty(), (pty) => pty.close());
    return { pty, wire: wireOf(pty, seed) };
  }

  async sense(wire: Wire, device: string, options: { key?: string } = {}): Promise<Sensor> {
    const sensor = await startSensor({ port: wire.uart, device, everyMs: 5, ...options });
    return this.add(sensor, (sensor) => sensor.stop());
  }
}

/** Each event that the devices sent is in the journal once and in order. They send no more. */
export async function countInJournal(config: string, ...sensors: Sensor[]): Promise<void> {
  for (const sensor of sensors) assert.ok(await sensor.finish(), `${sensor.device} is not through`);
  const { output } = await runHeadwater(['tail', '-c', config, '--no-follow', '--json']);
  const lines = output.trim().split('\n');
  assertEach(
    lines.map((text) => {
      const { device, id } = JSON.parse(text) as { device: string; id: string };
      return [device, id];
    }),
    sensors,
  );
}

/** Of each device every event once and in order, by their ids `boot/seq`. */
export function assertEach(
  taken: readonly [device: string, id: string][],
  sensors: readonly Sensor[],
): void {
  const seqs = new Map<string, number[]>();
  for (const [device, id] of taken) {
    seqs.set(device, [...(seqs.get(device) ?? []), Number(id.split('/')[1])]);
  }
  for (const { device, sent } of sensors) {
    assert.ok(sent.size > 0);
    assert.is(runs(seqs.get(device) ?? []), runs([...sent.keys()]), device);
  }
}

/** Until so many more events are acknowledged. */
export function passes(sensor: Pick<Sensor, 'acknowledged'>, events: number): Promise<void> {
  const from = sensor.acknowledged();
  return until(() => sensor.acknowledged() >= from + events);
}

/** "0-41 40-90": what follows on is one run. */
function runs(seqs: readonly number[]): string {
  const starts = seqs.filter((seq, at) => seq !== (seqs[at - 1] ?? Number.NaN) + 1);
  const ends = seqs.filter((seq, at) => seq + 1 !== seqs[at + 1]);
  return starts.map((start, at) => `${start}-${ends[at]}`).join(' ');
}
