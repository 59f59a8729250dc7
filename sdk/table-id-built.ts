// In the place of table-id.ts in a built firmware: the id that `headwater build` computed.

declare const HEADWATER_TABLE_ID: readonly number[];

export const tableId = (): readonly number[] => HEADWATER_TABLE_ID;
