import { byJournal } from '../../proxy/acknowledged.js';
import { noKeys } from '../../proxy/auth/auth.js';
import { createBooks } from '../../proxy/books.js';
import type { Clock } from '../../proxy/clock.js';
import { Bus } from '../../proxy/lines/bus.js';
import { lineSettings } from '../../proxy/lines/settings.js';
import { lineChannel } from '../../proxy/listeners/serial.js';
import { createOutcomes } from '../../proxy/outcomes.js';
import { Sessions } from '../../proxy/sessions.js';
import { rs485 } from '../../sdk/links/rs485.js';
import { sdkFactory } from '../../targets/instance.js';
import { MemoryJournal } from '../proxy/memory-journal.js';
import { siteLimits } from '../proxy/talk.js';
import { Random } from '../random.js';
import { Scheduler } from '../simulation/scheduler.js';
import { busLine, SimulatedBus } from './simulated-bus.js';

// A proxy's sessions, the master of a bus, and devices of the SDK on it, in virtual time and true byte times.

const instantiate = await sdkFactory();

export interface BusDevice {
  send(): void;
  /** What `send()` accepted. */
  accepted: number;
  /** From a POLL to the answer. */
  delayMs: number;
}

/** Of the journal: an fsync, and how often. */
const syncEveryMs = 5;

/** `key`: of all devices, where the line asks for keys. */
export async function busSite(
  settings: Record<string, unknown>,
  baudRate = 115_200,
  key: string | null = null,
) {
  const scheduler = new Scheduler();
  const random = new Random(1);
  const clock: Clock = {
    nowMs: () => 1_763_956_800_000 + scheduler.nowMs,
    monotonicMs: () => scheduler.nowMs,
    after: (delayMs, task) => scheduler.after(delayMs, task),
    random: (byteCount) => Uint8Array.from({ length: byteCount }, () => random.below(256)),
  };
  const journal = new MemoryJournal();
  const said: string[] = [];
  const whys: string[] = [];
  const outcomes = createOutcomes(clock, (kind, detail) => {
    whys.push(`${detail?.why ?? ''}`);
    said.push(`${kind} ${detail?.address ?? detail?.path ?? ''}`.trim());
  });
  const sessions = new Sessions({
    ...{ clock, journal, acknowledged: byJournal(journal), books: createBooks(), outcomes },
    keys:
      key === null ? noKeys : { of: () => [Buffer.from(key)], onRevoked() {}, trouble: () => null },
    allow: null,
    limits: { ...siteLimits, helloTimeoutMs: 10_000, windowEvents: 256, windowBytes: 65_536 },
  });
  const sync = () => {
    journal.sync();
    scheduler.after(syncEveryMs, sync);
  };
  sync();

  const bus = new SimulatedBus(scheduler, baudRate);
  const driven: boolean[] = [];
  const entry = lineSettings.parse({ path: '/dev/ttyUSB0', baudRate, bus: settings });
  let master: Bus | null = null;
  const node = bus.join((bytes) => master?.received(bytes));
  const accept = sessions.accept;
  const log = {
    debug() {},
    info: (_: object, text: string) => said.push(text),
    warn() {},
    error() {},
  };
  const found = new Set<number>();
  const open = (): Bus =>
    new Bus({
      ...{ settings: entry.bus!, clock, outcomes, log, found },
      line: {
        path: '/dev/ttyUSB0',
        byteMs: bus.byteMs,
        stops: false,
        write: (bytes) => {
          node.send(bytes);
          return true;
        },
        sent: () => scheduler.sleep(node.silentAtMs - scheduler.nowMs),
        drive: (on) => void driven.push(on),
        pause() {},
        resume() {},
      },
      opened: (line) =>
        lineChannel(line, { auth: key === null ? 'none' : 'keys', accept, outcomes }),
    });
  master = open();

  const device = (address: number): BusDevice => {
    const sdk = instantiate({
      clock: () => Math.floor(scheduler.nowMs),
      random: () => random.next(),
      after: (task, delayMs) => scheduler.after(delayMs, task),
      cancel: (timer) => (timer as (() => void) | undefined)?.(),
    });
    if (key !== null) sdk.auth(key);
    const meter = sdk.stream('meter', { wh: sdk.uint, amps: sdk.fixed(2) });
    const link = rs485(
      busLine(bus, scheduler, () => made.delayMs),
      address,
    );
    const hw = sdk.producer({
      ...{
        device: `meter-${address}`,
        link,
        bufferBytes: 4_096,
        lingerMs: 50,
        ackTimeoutMs: 8_000,
      },
      retryBackoffMs: 50,
    });
    const made: BusDevice = {
      ...{ accepted: 0, delayMs: 1 },
      send() {
        if (hw.send(meter, { wh: made.accepted * 7, amps: random.below(10_000) / 100 })) {
          made.accepted++;
        }
      },
    };
    return made;
  };

  const run = async (ms: number) => {
    const untilMs = scheduler.nowMs + ms;
    while (await scheduler.step(untilMs));
  };
  /** Events of a device in the journal; throws where one is missing between them, or lost. */
  const journaled = (address: number): number => {
    let next = 0;
    for (const record of journal.records) {
      if (record.kind === 'table' || record.device !== `meter-${address}`) continue;
      if (record.kind === 'loss') throw new Error(`meter-${address}: lost from ${record.from}`);
      if (record.from !== next) throw new Error(`meter-${address}: ${record.from}, not ${next}`);
      next = record.first + record.count;
    }
    return next;
  };
  return {
    ...{ scheduler, bus, device, run, journaled, said, whys, outcomes, driven },
    ...{ clock, log, journal, accept, entry },
    get master() {
      return master!;
    },
    /** The line is lost. */
    lose() {
      master?.closed();
      master = null;
    },
    /** It is back. */
    open() {
      master = open();
    },
  };
}
