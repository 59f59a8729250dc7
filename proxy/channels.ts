import { decodeEnvelope, encodeEnvelope } from './envelope.js';
import { framesOf, toStream } from './frame.js';
import type { Accept, Channel, ChannelHandler } from './listeners/channel.js';
import type { Outcomes } from './outcomes.js';

// frame → channels → session: the lines behind one connection of a gateway (PROTOCOL.md §10). Each is a channel as any other:
// its session reads and writes a byte stream, and this puts what is sent into envelopes. Bounded by channelsMax.

const channelsMax = 256;

export class Channels {
  readonly #connection: Channel;
  readonly #accept: Accept;
  readonly #outcomes: Outcomes;
  readonly #handlers = new Map<number, ChannelHandler>();

  constructor(connection: Channel, accept: Accept, outcomes: Outcomes) {
    this.#connection = connection;
    this.#accept = accept;
    this.#outcomes = outcomes;
  }

  /** `bytes`: an envelope before COBS. */
  take(bytes: Uint8Array): void {
    const { name } = this.#connection;
    const envelope = decodeEnvelope(bytes);
    if (envelope === null) {
      this.#outcomes.count('envelope-broken', { channel: name });
      return;
    }
    const { channel, frame } = envelope;
    const handler = this.#handlers.get(channel);
    if (frame.length === 0) {
      this.#handlers.delete(channel);
      handler?.closed();
      this.#open(channel);
    } else (handler ?? this.#open(channel))?.received(toStream([frame]));
  }

  closed(): void {
    for (const handler of this.#handlers.values()) handler.closed();
    this.#handlers.clear();
  }

  #open(number: number): ChannelHandler | null {
    const { name } = this.#connection;
    if (this.#handlers.size >= channelsMax) {
      this.#outcomes.count('channels-max', { channel: name, channelsMax });
      return null;
    }
    const handler = this.#accept({
      name: `${name} channel ${number}`,
      kind: 'line',
      auth: this.#connection.auth,
      isInEnvelope: true,
      send: (bytes) => {
        const envelopes = framesOf(bytes).map((frame) =>
          encodeEnvelope({ channel: number, frame }),
        );
        this.#connection.send(toStream(envelopes));
      },
      close: () => {
        if (this.#handlers.get(number) !== handler) return;
        this.#handlers.delete(number);
        handler.closed();
        this.#open(number);
      },
    });
    this.#handlers.set(number, handler);
    return handler;
  }
}
