// An Espruino board with Wi-Fi (ESP8266, ESP32, Espruino WiFi): the chip's own thermometer, over TCP.

import { fixed, producer, stream, uint } from 'headwater';
import { net } from 'headwater/links/espruino-net';

declare const E: { getTemperature(): number; on(event: 'init', task: () => void): void };
declare const process: { memory(): { free: number } };
declare const getSerial: () => string;
declare const require: (module: 'Wifi') => {
  connect(name: string, options: { password: string }, done: (error: unknown) => void): void;
};

const climate = stream('climate', { t: fixed(1), free: uint });

E.on('init', () => {
  // The network may come later, or go: the producer opens its link again by itself.
  require('Wifi').connect('workshop', { password: 'secret' }, (error) => error && print(error));
  const hw = producer({
    device: `board-${getSerial().slice(-8)}`,
    link: net({ host: '192.168.1.10', port: 4510 }),
  });
  setInterval(() => hw.send(climate, { t: E.getTemperature(), free: process.memory().free }), 5000);
});

declare const print: (what: unknown) => void;
