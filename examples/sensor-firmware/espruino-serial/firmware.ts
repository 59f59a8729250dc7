// An Espruino board without a network (Puck.js, Pixl.js, Pico, an original): the chip's own thermometer, over a UART, with
// what is not acknowledged kept in flash.

import { fixed, producer, stream } from 'headwater';
import { type EspruinoSerial, serial } from 'headwater/links/espruino-serial';
import { espruinoStorage } from 'headwater/stores/espruino-storage';

declare const Serial1: EspruinoSerial;
declare const E: { getTemperature(): number; on(event: 'init', task: () => void): void };
declare const getSerial: () => string;

const climate = stream('climate', { t: fixed(2) });

// From `init` on, so that the console is not taken away while a firmware is uploaded.
E.on('init', () => {
  const hw = producer({
    device: `board-${getSerial().slice(-8)}`,
    link: serial(Serial1, 115200),
    bufferBytes: 512,
    lingerMs: 60_000,
    store: espruinoStorage('hw', 4),
  });
  setInterval(() => hw.send(climate, { t: E.getTemperature() }), 5000);
});
