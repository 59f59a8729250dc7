// Numbers and times as a person writes them.

import { ConfigError } from 'headwater/site';

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export function durationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) {
    throw new ConfigError(
      `${option} ${text}: expected a time with its unit, as 500ms, 30s, 5m, 2h`,
    );
  }
  return Number(match[1]) * units[match[2]!]!;
}

export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text.replaceAll(/[_,]/g, ''));
  if (text !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = `from ${least.toLocaleString('en')} to ${most.toLocaleString('en')}`;
  throw new ConfigError(`${option} ${text}: expected a whole number ${range}`);
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

/** 950 µs, 12.3 ms, 4.56 s */
export function time(micros: number): string {
  if (micros < 1_000) return `${Math.round(micros)} µs`;
  if (micros < 1_000_000) return `${(micros / 1_000).toPrecision(3)} ms`;
  return `${(micros / 1_000_000).toPrecision(3)} s`;
}
