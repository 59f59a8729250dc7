// The protocol's numbers, shared by both ends. PROTOCOL.md is the specification; nothing else here.

export const VERSION = 1;

/** Types of messages: the first item of a body. PROTOCOL.md §3. */
export const HELLO = 1;
export const WELCOME = 2;
export const TABLE = 3;
export const DATA = 4;
export const ACK = 5;
export const RESET = 6;
export const CHALLENGE = 7;
export const PROOF = 8;
export const COMMAND = 9;
export const RESULT = 10;
export const POLL = 11;
export const END = 12;
export const FRAGMENT = 13;
export const CHANNEL = 14;
export const SESSION = 15;
export const ANCHOR = 16;

/** RESET's reasons. */
export const RESET_NO_SESSION = 0;
export const RESET_VERSION = 1;
export const RESET_REPLACED = 2;
export const RESET_TABLE = 3;
export const RESET_AUTH = 4;
export const RESET_UNAVAILABLE = 5;

/** What a MAC begins with, a PROOF's and the session's key where HELLO follows: §9. */
export const MAC_WITH_HELLO = 0;
export const MAC_FROM_DEVICE = 0x44;
export const MAC_FROM_PROXY = 0x50;

/** HELLO's flags. */
export const FLAG_PERSISTENT = 1;
export const FLAG_UPTIME_STOPS = 2;
export const FLAG_COMMANDS = 4;
export const FLAG_RESUMES = 8;

/** Types of a table's fields: PROTOCOL.md §4. 0 … 9 are integers scaled by a power of ten. */
export const TYPE_FIXED_MAX = 9;
export const TYPE_UINT = 16;
export const TYPE_BOOL = 17;
export const TYPE_FLOAT = 18;
export const TYPE_TEXT = 19;
export const TYPE_BYTES = 20;

/** Reasons of a lost range: [W-19]. */
export const LOST_OVERFLOW = 0;
export const LOST_REFUSED = 1;
export const LOST_DAMAGED = 2;

/** What a device and a field may be called: printable ASCII. §1, §4. */
export const NAME = /^[ -~]{1,64}$/;

/** Limits, bytes and counts: [W-10], §1, §3, §4. */
export const FRAME_BYTES_MAX = 2304;
export const BLOCK_BYTES_MAX = 1024;
export const TABLE_BYTES_MAX = 2048;
export const DESCRIPTION_BYTES_MAX = 238;
export const TABLE_ID_BYTES = 8;
export const DEVICE_BYTES_MAX = 64;
export const NAME_BYTES_MAX = 64;
export const TABLES_MAX = 16;
export const BOOTS_MAX = 16;
export const STREAMS_MAX = 64;
export const FIELDS_MAX = 32;
export const DEPTH_MAX = 8;
export const SEQ_MAX = 0xffffffff;
export const SCALED_MAX = 0x10000000000000;
export const UPTIME_MAX = 0x400000000000;
