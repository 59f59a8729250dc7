// What a person sees meanwhile, on standard error: a line that a terminal rewrites each second, else one each ten; and what happens, as it does.

import type { Second } from './meter.js';
import type { Settings } from './settings.js';
import type { Phase, Simulation, Watcher } from './simulation.js';
import { count, time } from './words.js';

const everySeconds = 10;

export class Progress implements Watcher {
  readonly #isTerminal = process.stderr.isTTY === true;
  readonly #devices: number;
  #seconds = 0;
  #atMs = 0;
  #isShown = false;

  constructor({ devices }: Settings) {
    this.#devices = devices;
  }

  say(text: string): void {
    this.#clear();
    process.stderr.write(`headwater: ${clock(this.#atMs)} ${text}\n`);
  }

  second(second: Second, phase: Phase, { ledger: { totals }, waitedFor }: Simulation): void {
    this.#atMs = second.atMs;
    this.#seconds++;
    if (!this.#isTerminal && this.#seconds % everySeconds !== 0) return;
    const { accepted, acknowledged, inKafka } = totals;
    const text = [
      `${clock(second.atMs)} ${phase}`,
      `${count(second.connected)} of ${count(this.#devices)} connected`,
      `${count(second.sent)}/s`,
      `accepted ${count(accepted)}, acknowledged ${count(acknowledged)}, in Kafka ${count(inKafka)}`,
      ...(second.ack === null ? [] : [`ACK p99 ${time(second.ack.p99)}`]),
      ...(waitedFor === '' ? [] : [`waits for ${waitedFor}`]),
    ].join(' · ');
    if (!this.#isTerminal) {
      process.stderr.write(`${text}\n`);
      return;
    }
    this.#clear();
    process.stderr.write(text.slice(0, Math.max(20, (process.stderr.columns || 120) - 1)));
    this.#isShown = true;
  }

  end(): void {
    this.#clear();
  }

  #clear(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[2K');
    this.#isShown = false;
  }
}

function clock(atMs: number): string {
  const seconds = Math.floor(atMs / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`;
}
