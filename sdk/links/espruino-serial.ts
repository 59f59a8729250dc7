import type { Link } from './link.js';

// A serial line of Espruino: `serial(Serial1, 115200)`. The console must not be there: what it prints would stand between the frames,
// and 0x03 in a frame would break into the program. So it is kept away, by force, since a board moves it when USB comes or
// goes; `release()` gives it back. A link that is closed between two attempts keeps it away.

export interface EspruinoSerial {
  setup(baud: number, options?: object): void;
  on(event: 'data', take: (text: string) => void): void;
  removeListener(event: 'data', take: (text: string) => void): void;
  write(bytes: Uint8Array): void;
  setConsole(force: boolean): void;
}

declare const E: {
  getConsole(): string | null;
  setConsole(device: EspruinoSerial | string | null, options?: { force: boolean }): void;
  toUint8Array(text: string): Uint8Array;
};
declare const global: Record<string, unknown>;

/** `options` are those of `setup`: pins, for example `{ tx: D1, rx: D0 }`. */
export const serial = (
  port: EspruinoSerial,
  baud: number,
  options?: object,
): Link & { release(): void } => {
  let take: ((text: string) => void) | undefined;
  let ready: () => void;
  let busy = false;
  let before: string | null | undefined;
  const close = () => {
    if (take) port.removeListener('data', take);
    take = undefined;
  };
  return {
    open(events) {
      close();
      if (before === undefined) {
        port.setup(baud, options);
        before = E.getConsole();
        E.setConsole(before && global[before] === port ? null : before, { force: true });
      }
      // A handler that throws would be removed; what the producer does with bytes does not.
      const mine = (text: string) => events.data(E.toUint8Array(text));
      take = mine;
      ready = events.ready;
      port.on('data', mine);
      setTimeout(() => {
        busy = false;
        if (take === mine) events.up();
      }, 1);
    },
    write(bytes) {
      // The engine waits in `write` until its queue has room. A frame at a time, so that others have their turn between.
      const mine = take;
      if (!mine || busy) return 0;
      busy = true;
      port.write(bytes);
      setTimeout(() => {
        busy = false;
        if (take === mine) ready();
      }, 1);
      return bytes.length;
    },
    close,
    release() {
      close();
      if (before !== undefined) E.setConsole(before);
      before = undefined;
    },
  };
};
