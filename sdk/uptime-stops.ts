import { announce } from './session.js';
import { FLAG_UPTIME_STOPS } from './wire.js';

/** For a board whose uptime stops in deep sleep: its events' times are then `estimated`. To be called before `producer()`. */
export const uptimeStops = (): void => announce(FLAG_UPTIME_STOPS);
