// The firmware of a climate sensor: reads temperature and humidity, and lets Headwater bring them
// into Kafka. The board supplies the link, the sensor and the rhythm; here a mote's readings play the
// sensor, until there are no more.

import { fixed, producer, stream } from 'headwater';
import { flush } from 'headwater/flush';
import type { Link } from 'headwater/link';
import { type Stats, stats } from 'headwater/stats';

/** What the host gives to the engine. */
declare const board: {
  device: string;
  link: Link;
  bufferBytes: number;
  everyMs: number;
  /** °C and %, null after the last one. */
  read(): { t: number; rh: number } | null;
  /** Told after each call of send(): was it taken? */
  sent(taken: boolean): void;
  /** For a display: put here by the firmware. */
  stats: () => Stats;
  /** Everything is acknowledged (or not): the board may sleep. */
  asleep(safe: boolean): void;
};

const climate = stream('climate', { t: fixed(2), rh: fixed(2) });
const hw = producer({ device: board.device, link: board.link, bufferBytes: board.bufferBytes });
board.stats = stats;

function sample(): void {
  const reading = board.read();
  if (reading === null) {
    flush(board.asleep, 60_000);
    return;
  }
  board.sent(hw.send(climate, reading) !== false);
  setTimeout(sample, board.everyMs);
}

sample();
