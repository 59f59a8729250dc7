import type { Auth } from '../auth/auth.js';
import type { Clock } from '../clock.js';
import { keepLines, type Line, type LineHandler, type LineState } from '../lines/lines.js';
import type { Ports } from '../lines/ports.js';
import type { LineSettings } from '../lines/settings.js';
import type { Log } from '../log.js';
import type { Outcomes } from '../outcomes.js';
import type { Accept, ChannelHandler, Listener } from './channel.js';

// Owns serial lines: each open one is a channel. A line outlives its sessions: what closes a channel, as another line that
// says the same device's name, ends the session there and begins the next on the same line.

export interface SerialOptions {
  lines: readonly (LineSettings & { auth: Auth })[];
  accept: Accept;
  outcomes: Outcomes;
  clock: Clock;
  log: Log;
  /** The machine's own, loaded when they are needed. */
  ports?: Ports;
}

export interface SerialListener extends Listener {
  /** By path. */
  states(): ReadonlyMap<string, LineState>;
}

export async function listenSerial(options: SerialOptions): Promise<SerialListener> {
  const { outcomes, clock, log, accept } = options;
  const ports = options.ports ?? (await import('../lines/ports.js')).portsOfMachine();
  const lines = await keepLines({
    ...{ settings: options.lines, ports, clock, log, outcomes },
    opened: (line, { auth }) => lineChannel(line, { auth, accept, outcomes }),
  });
  return {
    states: lines.states,
    get channels() {
      return [...lines.states().values()].filter((state) => state === 'open').length;
    },
    close: lines.close,
  };
}

/** A line as a channel, and the next one on the same line where that is closed. */
export function lineChannel(
  line: Line,
  { auth, accept, outcomes }: Pick<SerialOptions, 'accept' | 'outcomes'> & { auth: Auth },
): LineHandler {
  const name = `line ${line.path}`;
  let handler: ChannelHandler;
  const begin = () => {
    handler = accept({
      name,
      kind: 'line',
      auth,
      send(bytes) {
        if (!line.write(bytes)) outcomes.count('slow-reader', { channel: name });
      },
      close() {
        handler.closed();
        begin();
      },
    });
  };
  begin();
  return { received: (bytes) => handler.received(bytes), closed: () => handler.closed() };
}
