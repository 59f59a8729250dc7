import { decodeEnvelope, encodeEnvelope } from './envelope.js';
import { framesOf, toStream } from './frame.js';
import type { Seat } from './limits/addresses.js';
import type { Accept, Channel, ChannelHandler } from './listeners/channel.js';
import type { Outcomes } from './outcomes.js';

// frame → channels → session: the lines behind one connection of a gateway (PROTOCOL.md §10). Each is a channel as any other:
// its session reads and writes a byte stream, and this puts what is sent into envelopes. Bounded by channelsMax, and by what its address may have of
// those that nobody knows: a line on which nobody is known counts there while it speaks, and the gateway itself until one of its devices is known.

const channelsMax = 256;

export class Channels {
  readonly #connection: Channel;
  readonly #accept: Accept;
  readonly #outcomes: Outcomes;
  readonly #lines = new Map<number, { handler: ChannelHandler; seat: Seat | undefined }>();

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
    if (frame.length === 0) this.#end(channel);
    else (this.#lines.get(channel)?.handler ?? this.#open(channel))?.received(toStream([frame]));
  }

  closed(): void {
    for (const channel of [...this.#lines.keys()]) this.#end(channel);
  }

  /** What comes next on it begins another. */
  #end(channel: number): void {
    const line = this.#lines.get(channel);
    this.#lines.delete(channel);
    line?.handler.closed();
    line?.seat?.leave();
  }

  #open(number: number): ChannelHandler | null {
    const { name, auth, seat: connection } = this.#connection;
    if (this.#lines.size >= channelsMax) {
      this.#outcomes.count('channels-max', { channel: name, channelsMax });
      return null;
    }
    const seat = connection?.line();
    if (seat === null) {
      this.#outcomes.count('unproven-max', { channel: `${name} channel ${number}` });
      return null;
    }
    const handler = this.#accept({
      name: `${name} channel ${number}`,
      ...{ kind: 'line', auth, isInEnvelope: true },
      ...(seat && { seat }),
      send: (bytes) => {
        const envelopes = framesOf(bytes).map((frame) =>
          encodeEnvelope({ channel: number, frame }),
        );
        this.#connection.send(toStream(envelopes));
      },
      close: () => {
        if (this.#lines.get(number)?.handler === handler) this.#end(number);
      },
    });
    this.#lines.set(number, { handler, seat });
    return handler;
  }
}
