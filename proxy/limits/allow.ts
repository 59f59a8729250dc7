// Which streams a device may write, by the patterns of the configuration: * stands for any number of characters. A stream's topic follows from its
// name, so this is the topics too.

export interface AllowRule {
  /** Patterns of names. */
  devices: readonly string[];
  streams: readonly string[];
}

export type Allow = (device: string, stream: string) => boolean;

/** Null: each device writes whatever it likes. Where there are rules, what none of them allows is not allowed. */
export function allowOf(rules: readonly AllowRule[] | undefined): Allow | null {
  if (rules === undefined) return null;
  const matchers = rules.map(({ devices, streams }) => ({
    devices: matcherOf(devices),
    streams: matcherOf(streams),
  }));
  return (device, stream) =>
    matchers.some((rule) => rule.devices.test(device) && rule.streams.test(stream));
}

function matcherOf(patterns: readonly string[]): RegExp {
  const parts = patterns.map((pattern) =>
    pattern
      .split('*')
      .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
      .join('.*'),
  );
  return new RegExp(`^(?:${parts.join('|')})$`, 's');
}
