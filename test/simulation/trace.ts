// What happened, line by line, in a hash that two runs of a seed must share; printed where somebody wants to read it.

export class Trace {
  readonly #print: ((line: string) => void) | null;
  readonly #nowMs: () => number;
  #high = 0x811c9dc5;
  #low = 0x01000193;
  lines = 0;

  constructor(nowMs: () => number, print: ((line: string) => void) | null) {
    this.#nowMs = nowMs;
    this.#print = print;
  }

  say(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(11)} ${who.padEnd(10)} ${what}`;
    this.lines++;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      this.#high = Math.imul(this.#high ^ code, 0x01000193);
      this.#low = Math.imul(this.#low ^ code, 0x85ebca6b) + 1;
    }
    this.#print?.(line);
  }

  get hash(): string {
    return [this.#high, this.#low]
      .map((part) => (part >>> 0).toString(16).padStart(8, '0'))
      .join('');
  }
}
