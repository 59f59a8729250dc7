// A device of a site: the sensor firmware in its own QuickJS, playing one mote's readings, on a cable that
// can be pulled. What the firmware says that it sent is written down here, outside the device.

import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RunningFirmware, runFirmware } from '../../targets/quickjs-host.js';
import type { Reading } from './motes.js';

export interface Mote {
  device: string;
  /** seq → the value as JSON, for each event that send() took. */
  sent: Map<number, string>;
  /** Events that the device holds and that are not acknowledged. */
  buffered(): number;
  /** Every event below this seq is acknowledged. */
  acknowledged(): number;
  /** Ended: every reading was sent and flush() called back. */
  asleep: Promise<boolean>;
  stop(): void;
}

export async function startMote(options: {
  device: string;
  readings: readonly Reading[] | ((index: number) => Reading | undefined);
  code: string;
  /** Of a proxy's TCP port; or how it connects. */
  port: number | (() => Duplex);
  everyMs: number;
  bufferBytes?: number;
  onError: (error: Error) => void;
}): Promise<Mote> {
  const { device, readings, code, port } = options;
  const readingAt = typeof readings === 'function' ? readings : (index: number) => readings[index];
  const sent = new Map<number, string>();
  let next = 0;
  let last: Reading | undefined;
  let asleep = (_safe: boolean) => {};
  const whenAsleep = new Promise<boolean>((resolve) => {
    asleep = resolve;
  });
  const firmware: RunningFirmware = await runFirmware({
    code,
    connect:
      typeof port === 'function' ? port : () => connect({ port, host: '127.0.0.1', noDelay: true }),
    board: {
      device,
      bufferBytes: options.bufferBytes ?? 8_192,
      everyMs: options.everyMs,
      read: () => {
        last = readingAt(next);
        return last === undefined ? null : { ...last };
      },
      // The n-th call of send() has seq n, taken or not: [W-1].
      sent: (taken) => {
        if (taken === true) sent.set(next, JSON.stringify(last));
        next += 1;
        return null;
      },
      asleep: (safe) => {
        asleep(safe === true);
        return null;
      },
    },
    onError: options.onError,
  });
  return {
    device,
    sent,
    buffered: () => Number(firmware.evaluate('board.stats().buffered')),
    acknowledged: () => Number(firmware.evaluate('board.stats().acknowledged')),
    asleep: whenAsleep,
    stop: () => firmware.stop(),
  };
}
