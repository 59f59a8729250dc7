// The devices of a chaotic site: half run the firmware in QuickJS, half are instances of the SDK in Node. They
// send without a pause until they are told to finish, whatever happens behind their links.

import type { Duplex } from 'node:stream';
import { nodeStream } from '../../sdk/links/node-stream.js';
import type { Stats } from '../../sdk/stats.js';
import { buildFirmware } from '../../targets/build.js';
import { type Sdk, sdkFactory } from '../../targets/instance.js';
import { runFirmware } from '../../targets/quickjs-host.js';
import { projectFolder } from '../kafka/jars.js';
import { eventOf, type Ledger, streamOf } from './ledger.js';

export interface Device {
  name: string;
  stats(): Stats;
  /** Sends no more; true once everything that it holds is acknowledged. */
  finish(): Promise<boolean>;
  stop(): void;
}

export interface DeviceOptions {
  name: string;
  /** The link's near end, anew for each opening. */
  connect(): Duplex;
  everyMs: number;
  bufferBytes: number;
  ledger: Ledger;
  onError(error: Error): void;
}

const settings = { lingerMs: 50, ackTimeoutMs: 1_000, retryBackoffMs: 50 };
/** Only ends a hang. */
const flushMs = 300_000;

const firmware = `
  import { fixed, producer, stream, uint } from 'headwater';
  import { flush } from 'headwater/flush';
  import { stats } from 'headwater/stats';

  const climate = stream('climate', { n: uint, t: fixed(2) });
  const alarm = stream('alarm', { n: uint, t: fixed(2) });
  const { device, link, bufferBytes } = board;
  const hw = producer({ device, link, bufferBytes, ...${JSON.stringify(settings)} });
  board.stats = stats;

  function sample() {
    const next = board.next();
    if (next === null) return flush(board.asleep, ${flushMs});
    board.sent(hw.send(next.stream === 'alarm' ? alarm : climate, next.value) !== false);
    setTimeout(sample, board.everyMs);
  }

  sample();
`;

/** Makes devices of both kinds; what they have in common is built once. */
export async function deviceMaker(): Promise<{
  quickjs(options: DeviceOptions): Promise<Device>;
  node(options: DeviceOptions): Device;
}> {
  const entry = { source: firmware, folder: projectFolder };
  const { code } = await buildFirmware({ entry, target: 'quickjs', minify: true });
  const instantiate = await sdkFactory();
  return {
    quickjs: (options) => quickjsDevice(options, code),
    node: (options) => nodeDevice(options, instantiate),
  };
}

interface Source {
  seq: number;
  isFinished: boolean;
  asleep(isSafe: boolean): void;
  whenAsleep: Promise<boolean>;
}

function openSource(): Source {
  const source = { seq: 0, isFinished: false } as Source;
  source.whenAsleep = new Promise((resolve) => {
    source.asleep = resolve;
  });
  return source;
}

function finish(source: Source): Promise<boolean> {
  source.isFinished = true;
  return source.whenAsleep;
}

async function quickjsDevice(options: DeviceOptions, code: string): Promise<Device> {
  const { name, connect, everyMs, bufferBytes, ledger, onError } = options;
  const source = openSource();
  const running = await runFirmware({
    code,
    connect,
    board: {
      ...{ device: name, bufferBytes, everyMs },
      next: () =>
        source.isFinished ? null : { stream: streamOf(source.seq), value: eventOf(source.seq) },
      sent(taken) {
        ledger.sent(name, source.seq++, taken === true);
        return null;
      },
      asleep(safe) {
        source.asleep(safe === true);
        return null;
      },
    },
    onError,
  });
  return {
    name,
    stats: () => running.evaluate('board.stats()') as Stats,
    finish: () => finish(source),
    stop: () => running.stop(),
  };
}

function nodeDevice(
  options: DeviceOptions,
  instantiate: (engine: Parameters<Awaited<ReturnType<typeof sdkFactory>>>[0]) => Sdk,
): Device {
  const { name, everyMs, bufferBytes, ledger, onError } = options;
  const source = openSource();
  const timers = new Set<NodeJS.Timeout>();
  const origin = performance.now();
  const after = (task: () => void, delayMs: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      try {
        task();
      } catch (error) {
        onError(error as Error);
      }
    }, delayMs);
    timers.add(timer);
    return timer;
  };
  const sdk = instantiate({
    clock: () => Math.floor(performance.now() - origin),
    after,
    cancel(timer) {
      timers.delete(timer as NodeJS.Timeout);
      clearTimeout(timer as NodeJS.Timeout);
    },
    random: Math.random,
  });
  const link = nodeStream(options.connect);
  const fields = { n: sdk.uint, t: sdk.fixed(2) };
  const streams = { climate: sdk.stream('climate', fields), alarm: sdk.stream('alarm', fields) };
  const hw = sdk.producer({ device: name, link, bufferBytes, ...settings });
  const sample = () => {
    if (source.isFinished) return sdk.flush(source.asleep, flushMs);
    const { seq } = source;
    const taken = hw.send(streams[streamOf(seq)], eventOf(seq)) !== false;
    ledger.sent(name, source.seq++, taken);
    after(sample, everyMs);
  };
  sample();
  return {
    name,
    stats: () => sdk.stats(),
    finish: () => finish(source),
    stop() {
      for (const timer of timers) clearTimeout(timer);
      link.close();
    },
  };
}
