// In the place of table-id.ts in a built firmware: what `headwater build` computed.

declare const HEADWATER_TABLE_ID: string;

export const table = HEADWATER_TABLE_ID;
/** No arrow: esbuild takes calls of an empty function away. */
export function identify(_streams: unknown): void {}
