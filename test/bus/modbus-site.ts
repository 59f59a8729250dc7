import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Meters } from '../../examples/serial-gateway/meters.js';
import { createRecordMaker } from '../../proxy/kafka/records.js';
import { lineChannel } from '../../proxy/listeners/serial.js';
import type { Link } from '../../sdk/links/link.js';
import { type BusDevice, busSite } from './bus-site.js';
import { SimulatedMeter } from './simulated-meter.js';

// A bus with two Headwater drops and Modbus meters, the gateway's part for the meters, and a proxy that can be away; in virtual time, the
// Modbus library's time-outs too. The meters' stores are real files.

export interface Event {
  id: string;
  timestampMs: number;
  time: string;
  topic: string;
  value: Record<string, unknown>;
}

export const meter11 = {
  ...{ address: 11, device: 'meter-11', everyMs: 1_000, stream: 'energy' },
  registers: [
    { name: 'wh', at: 0, type: 'uint32' },
    { name: 'volts', at: 2, type: 'uint16', decimals: 1 },
  ],
};

export async function modbusSite(modbus: unknown[] = [meter11], options: Partial<Options> = {}) {
  const { baudRate = 115_200, bus: more = {} } = options;
  const site = await busSite({ drops: [1, 2], modbus, ...more }, baudRate);
  const { scheduler, clock, log, outcomes, entry } = site;
  const folder = await mkdtemp(join(tmpdir(), 'headwater-modbus-'));
  const undoTimers = lendTimers(site.scheduler);
  const drops = [1, 2].map(site.device);
  const uplinks = new Set<() => void>();
  let isAway = false;

  const uplink = (): Link => {
    let cut: (() => void) | null = null;
    let received: (bytes: Uint8Array) => void = () => {};
    const close = () => {
      const mine = cut;
      cut = null;
      mine?.();
    };
    return {
      open(events) {
        close();
        if (isAway) {
          scheduler.after(1, () => events.down());
          return;
        }
        let isMine = true;
        const tell = (act: () => void) => scheduler.after(1, () => isMine && act());
        const write = (bytes: Uint8Array) => {
          const copy = bytes.slice();
          tell(() => events.data(copy));
          return true;
        };
        const line = { path: 'tcp', stops: false, write, pause() {}, resume() {} };
        const handler = lineChannel(line, { auth: 'none', accept: site.accept, outcomes });
        received = (bytes) => handler.received(bytes);
        const end = () => {
          isMine = false;
          uplinks.delete(lose);
          handler.closed();
        };
        const lose = () => {
          end();
          cut = null;
          scheduler.after(1, () => events.down());
        };
        uplinks.add(lose);
        cut = end;
        tell(() => events.up());
      },
      write(bytes) {
        if (cut === null) return 0;
        const copy = bytes.slice();
        const to = received;
        scheduler.after(1, () => to(copy));
        return bytes.length;
      },
      close,
    };
  };

  const begin = async () => {
    const made = new Meters({
      ...{ lines: [entry], store: folder, storeBytes: 65_536, retryBackoffMs: 50 },
      ...{ link: uplink, clock, log, outcomes },
    });
    made.opened(entry, site.master);
    await made.start();
    return made;
  };
  let meters = await begin();

  const events = (device: string): Event[] => {
    const topics = { prefix: '', routes: {}, loss: '(lost)' };
    const maker = createRecordMaker({ topics, value: 'json', tables: site.journal.tables() });
    return site.journal.records
      .flatMap((record) => maker.toRecords({ record, lost: undefined } as never))
      .filter(({ key }) => `${Buffer.from(key)}` === device)
      .map(({ topic, value, timestampMs, headers }) => ({
        ...{ topic, timestampMs, id: headers['hw-id']!, time: headers['hw-time'] ?? '' },
        value: JSON.parse(`${Buffer.from(value!)}`),
      }));
  };

  return {
    ...site,
    ...{ drops, events, folder },
    slave: (address: number) => new SimulatedMeter(site.bus, scheduler, address),
    get meters() {
      return meters;
    },
    get master() {
      return site.master;
    },
    setAway(away: boolean) {
      isAway = away;
      if (away) for (const lose of [...uplinks]) lose();
    },
    /** As a kill does: nothing more is written, and the next process finds the files. */
    async restart() {
      meters.close();
      meters = await begin();
    },
    reopen() {
      site.open();
      meters.opened(entry, site.master);
    },
    /** Ten events a second of each drop. */
    async traffic(seconds: number, devices: readonly BusDevice[] = drops) {
      for (let event = 0; event < 10 * seconds; event++) {
        for (const device of devices) device.send();
        await site.run(100);
      }
    },
    async end() {
      meters.close();
      undoTimers();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Options {
  baudRate: number;
  bus: Record<string, unknown>;
}

/** The Modbus library has the machine's timers: for as long as a site is there they are the scheduler's. */
function lendTimers(scheduler: {
  after(delayMs: number, task: () => void): () => void;
}): () => void {
  const { setTimeout, clearTimeout } = globalThis;
  const after = (task: () => void, delayMs: number) => scheduler.after(delayMs, task);
  const cancel = (timer?: unknown) => (timer as (() => void) | undefined)?.();
  Object.assign(globalThis, { setTimeout: after, clearTimeout: cancel });
  return () => void Object.assign(globalThis, { setTimeout, clearTimeout });
}
