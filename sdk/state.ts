// The states of a session and what happens to it, PROTOCOL.md §6; the table is in session.ts. A message from the proxy is the event of
// its type: WELCOME 2, ACK 5, RESET 6.

export const CLOSED = 0;
export const GREETING = 1;
export const READY = 2;

export const TIMER = 0;
export const UP = 1;
export const DOWN = 3;
export const BLOCK = 4;
