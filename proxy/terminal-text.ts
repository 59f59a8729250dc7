/**
 * JSON, or what a device says, for a terminal: characters that control one, or turn the direction of what is read, as JSON escapes them. JSON
 * itself escapes those below 0x20 alone.
 */
export function terminalText(text: string): string {
  return text.replace(controls, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Also what is above 0x7e and controls: C1, which some terminals obey, marks of direction, ends of lines. */
const controls = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
