import type { Clock } from '../../../proxy/clock.js';
import { Addresses, type AddressLimits } from '../../../proxy/limits/addresses.js';

/** One address may have all that there is, unless told. */
export function addressesOf(
  connectionsMax: number,
  clock: Clock,
  limits: Partial<AddressLimits> = {},
): Addresses {
  const whole = { connectionsMax, unprovenMax: 10_000, addressShare: 1, burstSeconds: 10 };
  return new Addresses({ ...whole, ...limits }, clock);
}
