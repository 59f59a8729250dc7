import { crcOf } from '../bus/simulated-meter.js';
import type { Pty } from './pty.js';

// A Modbus meter at the far end of a pseudo-terminal, alone on its line: its one register says how many requests it has answered.

export interface PtyMeter {
  /** What it answered last; 0: nothing yet. */
  readonly answered: number;
  /** It answers no more. */
  stop(): void;
}

export function meterOn(pty: Pty, address: number): PtyMeter {
  let answered = 0;
  let isStopped = false;
  let heard: number[] = [];
  pty.far.onBytes = (bytes) => {
    heard.push(...bytes);
    while (heard.length >= 8) {
      const request = heard.slice(0, 8);
      const isOurs =
        request[0] === address && crcOf(request.slice(0, 6)).join() === request.slice(6).join();
      // A process that was killed may have left half a request on the line.
      heard = heard.slice(isOurs ? 8 : 1);
      if (!isOurs || isStopped) continue;
      answered++;
      const body = [address, request[1]!, 4, 0, 0, answered >> 8, answered & 255];
      pty.far.send(Uint8Array.from([...body, ...crcOf(body)]));
    }
  };
  return {
    get answered() {
      return answered;
    },
    stop() {
      isStopped = true;
    },
  };
}
