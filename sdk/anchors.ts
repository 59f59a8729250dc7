import { beginWith } from './block.js';
import { integer, item, put } from './cbor.js';
import { clock } from './engine.js';
import { atWelcome, greeted } from './session.js';

// What a boot knows of wall time goes into its blocks (PROTOCOL.md §5, [W-38]): with a store that survives power they have their
// time even when the boot that made them has ended. It costs about 17 bytes in every eighth block.

/** [uptime, wallMs, errorMs] */
let anchor: number[] = [];
/** Blocks since it was learned; NaN: nothing was. */
let blocks = NaN;

/** Starts it. What the proxy's WELCOME says is learned from then on. */
export const anchors = (): void => {
  atWelcome(() => {
    // The version lies before the wall clock, whose way here took from none to all of the round trip.
    item();
    const half = (clock() - greeted) / 2;
    setAnchor(item() + half, half);
  });
  beginWith(() => {
    if (blocks++ % 8 < 1) {
      put(0x83);
      anchor.forEach(integer);
      return 1;
    }
    return 0;
  });
};

/** What a clock of the board says now, ms since 1970, give or take; the newest counts. What can't be is ignored. */
export const setAnchor = (wallMs: number, errorMs: number): void => {
  if (errorMs >= 0 && wallMs >= errorMs && wallMs < 4e15) {
    anchor = [clock(), wallMs, errorMs].map(Math.round);
    blocks = 0;
  }
};

/** Ms since 1970; NaN while nobody has said so. */
export const wallClock = (): number => anchor[1]! + clock() - anchor[0]!;
