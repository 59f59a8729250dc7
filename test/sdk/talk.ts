import type { ProducerOptions } from '../../sdk/options.js';
import type { Producer } from '../../sdk/producer.js';
import { type Device, device } from './device.js';
import { ack, type Hello, type Message, reset, welcome } from './peer.js';

// A device of two streams and what a proxy would say to it, in the test's hands. Its first wait is 300 ms: 400 × (½ + ½ × ½).

export const BOOT = 17;
export const BACKOFF_MS = 300;
export const ACK_TIMEOUT_MS = 5000;

export interface Mote extends Device {
  hw: Producer;
  /** Sends an event of its first stream. */
  sample(t?: number): void;
  /** Gives the open block to the store, in whatever state. */
  seal(): void;
  /** Lets the link be opened; returns the HELLO that came, the last of several. */
  greet(waitMs?: number): Hello;
  welcome(next?: number, limit?: number, lacking?: number, boot?: number): void;
  ack(next: number, limit?: number, gap?: number, boot?: number): void;
  reset(reason: number, retryMs: number): void;
  /** What was written, shortly: `hello`, `table 1`, `data 0+2`, `lost 2+5`. */
  said(): string[];
  nonce: number;
}

export function mote(options: Partial<ProducerOptions> = {}, start = 0): Mote {
  const made = device(start);
  const { sdk, engine, link } = made;
  const climate = sdk.stream('climate', { t: sdk.fixed(1) });
  sdk.stream('press', { strokes: sdk.uint, open: sdk.bool });
  const hw = sdk.producer({
    device: 'mote-1',
    link,
    lingerMs: 100,
    retryBackoffMs: 400,
    ackTimeoutMs: ACK_TIMEOUT_MS,
    ...options,
  });
  const hear = (): Message[] => {
    const messages = link.take();
    for (const message of messages) if (message.type === 'hello') self.nonce = message.nonce;
    return messages;
  };
  const self: Mote = {
    ...made,
    hw,
    nonce: 0,
    sample: (t = 21.5) => void hw.send(climate, { t }),
    seal() {
      sdk.flush(() => {}, 0);
      engine.advance(0);
    },
    greet(waitMs = BACKOFF_MS) {
      engine.advance(waitMs);
      const hello = hear().findLast((message): message is Hello => message.type === 'hello');
      if (!hello) throw new Error('no HELLO');
      return hello;
    },
    welcome: (next = 0, limit = 1000, lacking = 0, boot = BOOT) =>
      link.say(welcome(self.nonce, [[boot, next, limit]], lacking)),
    ack: (next, limit = 1000, gap = 0, boot = BOOT) => link.say(ack(boot, next, limit, gap)),
    reset: (reason, retryMs) => link.say(reset(reason, retryMs)),
    said: () => hear().map(short),
  };
  return self;
}

/** A mote with a session; nothing is lacking and nothing was sent. */
export function ready(options: Partial<ProducerOptions> = {}): Mote {
  const made = mote(options);
  made.greet();
  made.welcome();
  return made;
}

export function short(message: Message): string {
  if (message.type === 'hello') return 'hello';
  if (message.type === 'table') return `table ${message.stream}`;
  const lost = /^81/.test(message.block) ? 'lost' : 'data';
  return `${lost} ${message.first}+${message.count}`;
}
