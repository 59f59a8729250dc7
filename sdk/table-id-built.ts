// In the place of table-id.ts in a built firmware: what `headwater build` computed.

declare const HEADWATER_TABLE_ID: string;

export const tableId = (_streams: unknown): string => HEADWATER_TABLE_ID;
