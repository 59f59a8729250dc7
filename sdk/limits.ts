// What a device allots to itself. Literals, so that a build writes them in place.

/** The largest block of this SDK: with DATA's header (at most 23) and the MAC that a firmware with a key puts behind it, it is a frame of 251 bytes. */
export const BLOCK_BYTES_MAX = 216;
/** Bytes before a frame's body: a 0x00 and the first code of COBS. */
export const FRAME_GAP_BYTES = 2;
/** A frame of 254 bytes with the gap and the 0x00 behind: up to that no code of COBS exceeds 255. */
export const FRAME_BUFFER_BYTES = 257;
/** The largest frame that is read: WELCOME, of which one boot's place takes less than 64. */
export const FRAME_READ_BYTES_MAX = 128;
/** Size, first seq and count before a block in a store. */
export const ENTRY_HEAD_BYTES = 8;
/** A block is a quarter of the buffer, so this is a block of 16. */
export const BUFFER_BYTES_MIN = 64;
/** Scaled integers lie within it; a round number below the protocol's 2^52. */
export const SCALED_MAX = 45e14;
/** How often the wait between two attempts doubles. */
export const DOUBLINGS_MAX = 6;
/** Slots for a stream's changes: its time and 32 fields; its interval is in the one before. */
export const SLOTS = 34;
