import { dropped, next, outOfRange, refused } from './block.js';
import { acknowledged, boot, isRunning, state } from './session.js';
import { READY } from './state.js';

// How the device stands, for a display or a log.

export interface Stats {
  /** Events that `send` took. */
  accepted: number;
  /** Events that it did not take. */
  refused: number;
  /** Events that were taken, and given up since the buffer was full. */
  dropped: number;
  /** Values sent as absent because they lay out of range. */
  outOfRange: number;
  /** The number of this run; null until the proxy has named it. */
  boot: number | null;
  /** Everything below this seq is acknowledged. */
  acknowledged: number;
  /** Seqs that are numbered and not acknowledged. */
  buffered: number;
  /** Whether there is a session. */
  ready: boolean;
}

export const stats = (): Stats => ({
  accepted: next - refused,
  refused,
  dropped,
  outOfRange,
  boot: (isRunning && boot) || null,
  acknowledged: isRunning ? acknowledged : 0,
  buffered: isRunning ? next - acknowledged : next,
  ready: state === READY,
});
