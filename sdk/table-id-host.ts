import type { Stream } from './stream.js';

// In the place of table-id.ts where a host instantiates the SDK: it computes the id.

declare const host: { tableId(streams: readonly Stream[]): string };

export let table: string;

export const identify = (streams: readonly Stream[]): void => {
  table = host.tableId(streams);
};
