// What `npm run bench` is made of: a figure measures a few things once in each round; its lines say what they come to and what was aimed at.

export interface Scene {
  bootstrap: string;
  /** Of a throughput, in a round. */
  events: number;
  /** Of a journal's backlog, bytes. */
  backlogBytes: number;
  say(text: string): void;
}

/** One round's values by name. */
export type Sample = Record<string, number>;

export interface Line {
  what: string;
  measured: string;
  reference: string;
  goal: string;
  isMet: boolean;
}

export interface Figure {
  name: string;
  about: string;
  measure(scene: Scene): Promise<Sample>;
  lines(samples: readonly Sample[]): Line[];
}

export function values(samples: readonly Sample[], name: string): number[] {
  return samples.map((sample) => sample[name] ?? Number.NaN);
}

export function median(all: readonly number[]): number {
  const sorted = [...all].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** The smallest value that at least this share of all do not exceed. */
export function percentile(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Median, and least to most. */
export function spread(all: readonly number[], digits = 0): string {
  const [middle, low, high] = [median(all), Math.min(...all), Math.max(...all)].map((value) =>
    value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits }),
  );
  return `${middle} (${low}–${high})`;
}

/** Of the medians. */
export function ratio(samples: readonly Sample[], of: string, to: string): number {
  return median(values(samples, of)) / median(values(samples, to));
}
