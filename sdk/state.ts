// The device's state machine, PROTOCOL.md §6, as a literal table: a state and an event give an action, and an action ends in
// one state. `session.ts` says what the actions do.

export const CLOSED = 0;
export const OPENING = 1;
export const GREETING = 2;
export const READY = 3;

export const UP = 0;
export const DOWN = 1;
export const WELCOMED = 2;
export const ACKED = 3;
export const WAS_RESET = 4;
export const BLOCK = 5;
export const TIMER = 6;

/** Nothing happens, nothing changes. */
export const STAY = 0;
/** Open the link. */
export const OPEN = 1;
/** Say HELLO. */
export const GREET = 2;
/** Say HELLO; where four went unanswered, close the link and back off. */
export const GREET_AGAIN = 3;
/** Wait before the link is opened again. */
export const BACK_OFF = 4;
/** Close the link and wait before it is opened again. */
export const GIVE_UP = 5;
/** Take the places that WELCOME names, send tables, then blocks. */
export const TAKE = 6;
/** Forget what is acknowledged and send on. */
export const FORGET = 7;
/** Wait as long as RESET says, then say HELLO. */
export const WAIT = 8;
/** Send blocks. */
export const SEND = 9;

/** A row per state, closed to ready; a column per event. */
export const actions = [
  // up,   down,     welcome, ack,    reset, block, timer
  [STAY, STAY, STAY, STAY, STAY, STAY, OPEN],
  [GREET, BACK_OFF, STAY, STAY, STAY, STAY, GIVE_UP],
  [GREET, BACK_OFF, TAKE, STAY, WAIT, STAY, GREET_AGAIN],
  [GREET, BACK_OFF, TAKE, FORGET, WAIT, SEND, GREET],
] as const;

/** The state in which each action ends, by the action's number: GREET_AGAIN may yet become GIVE_UP. */
export const ends = [
  CLOSED, // STAY: not used
  OPENING,
  GREETING,
  GREETING,
  CLOSED,
  CLOSED,
  READY,
  READY,
  GREETING,
  READY,
] as const;
