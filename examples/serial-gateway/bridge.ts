import {
  type Clock,
  channelMax,
  decodeEnvelope,
  encodeEnvelope,
  FrameReader,
  isEnvelope,
  type Line,
  type LineHandler,
  type Outcomes,
  toStream,
} from 'headwater/lines';

// lines ⇉ channels ⇉ proxy: each frame of a line goes into an envelope with the line's channel, each envelope from the proxy to its
// line (PROTOCOL.md §10). Keeps no events and acknowledges nothing: sessions run from device to proxy, so what is dropped here
// is sent again. Bounded per line and in all; lines take turns, so that a chatty one does not hold up a quiet one.

export interface BridgeOptions {
  clock: Clock;
  outcomes: Outcomes;
  lineBytesMax: number;
  totalBytesMax: number;
}

/** Of the connection to the proxy. */
export interface Uplink {
  readonly isUp: boolean;
  readonly takes: boolean;
  write(bytes: Uint8Array): void;
}

interface Bridged {
  readonly line: Line;
  readonly channel: number;
  readonly frames: Uint8Array[];
  bytes: number;
  isPaused: boolean;
  sentAtMs: number;
}

export interface Traffic {
  frames: number;
  bytes: number;
}

const quietMs = 1_000;

export class Bridge {
  readonly #options: BridgeOptions;
  readonly #lines = new Map<number, Bridged>();
  readonly #fromProxy: FrameReader;
  #uplink: Uplink | null = null;
  #bytes = 0;
  /** The channel whose turn is over. */
  #last = -1;
  readonly toProxy = new Map<string, Traffic>();
  readonly toLine = new Map<string, Traffic>();

  constructor(options: BridgeOptions) {
    this.#options = options;
    const { outcomes } = options;
    this.#fromProxy = new FrameReader({
      frame: (frame) => this.#deliver(frame),
      broken: (why) => outcomes.count(`proxy-frame-${why}`),
    });
  }

  attach(uplink: Uplink): void {
    this.#uplink = uplink;
  }

  /** Bytes of frames that wait for the connection. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** For `keepLines`. */
  opened(line: Line): LineHandler {
    const bridged: Bridged = {
      ...{ line, channel: this.#freeChannel(), frames: [], bytes: 0 },
      ...{ isPaused: false, sentAtMs: Number.NEGATIVE_INFINITY },
    };
    this.#lines.set(bridged.channel, bridged);
    this.#announce(bridged);
    const { outcomes } = this.#options;
    const { path } = line;
    const frames = new FrameReader({
      frame: (frame) => this.#queue(bridged, frame),
      broken: (why) => outcomes.count(`line-frame-${why}`, { path }),
    });
    return {
      received: (bytes) => frames.push(bytes),
      closed: () => {
        this.#drop(bridged);
        this.#lines.delete(bridged.channel);
      },
    };
  }

  /** The connection is up: what waited belongs to sessions that are no more. */
  up(): void {
    for (const bridged of this.#lines.values()) {
      this.#drop(bridged);
      this.#announce(bridged);
    }
    // Of the line to come: a connection that says nothing is closed, as a device's that sends no HELLO.
    if (this.#lines.size === 0) this.#open(this.#freeChannel());
  }

  fromProxy(bytes: Uint8Array): void {
    this.#fromProxy.push(bytes);
  }

  /** The connection takes bytes: each line that has a frame sends one in its turn. */
  pump(): void {
    while (this.#uplink?.takes === true) {
      const bridged = this.#next();
      if (bridged === null) return;
      this.#last = bridged.channel;
      const frame = bridged.frames.shift()!;
      this.#account(bridged, -frame.length);
      this.#send(bridged.channel, frame);
      count(this.toProxy, bridged.line.path, frame.length);
      if (bridged.isPaused && bridged.bytes <= this.#options.lineBytesMax / 2) {
        bridged.isPaused = false;
        bridged.line.resume();
      }
    }
  }

  #queue(bridged: Bridged, frame: Uint8Array): void {
    const { outcomes, lineBytesMax, totalBytesMax } = this.#options;
    const { path, stops } = bridged.line;
    if (this.#uplink?.isUp !== true) {
      outcomes.count('not-connected', { path });
      return;
    }
    const isOver = bridged.bytes + frame.length > lineBytesMax;
    if (isOver && stops && !bridged.isPaused) {
      bridged.isPaused = true;
      bridged.line.pause();
    }
    // A line that stops has its frame all the same: it was on its way.
    if ((isOver && !stops) || this.#bytes + frame.length > totalBytesMax) {
      outcomes.count('congested', { path });
      return;
    }
    bridged.frames.push(frame);
    this.#account(bridged, frame.length);
    this.pump();
  }

  #deliver(frame: Uint8Array): void {
    const { outcomes, clock } = this.#options;
    const envelope = isEnvelope(frame) ? decodeEnvelope(frame) : null;
    const bridged = envelope === null ? undefined : this.#lines.get(envelope.channel);
    if (envelope === null) outcomes.count('proxy-frame-envelope');
    if (envelope === null || bridged === undefined) return;
    const { line } = bridged;
    const nowMs = clock.monotonicMs();
    // [W-8] A 0x00 first where the line may have made noise meanwhile.
    const quiet = nowMs - bridged.sentAtMs >= quietMs ? [0] : [];
    bridged.sentAtMs = nowMs;
    const bytes = Uint8Array.from([...quiet, ...toStream([envelope.frame])]);
    if (line.write(bytes)) count(this.toLine, line.path, envelope.frame.length);
    else outcomes.count('slow-reader', { path: line.path });
  }

  /** [W-54] */
  #announce(bridged: Bridged): void {
    if (this.#uplink?.isUp === true) this.#open(bridged.channel);
  }

  #open(channel: number): void {
    this.#send(channel, new Uint8Array());
  }

  #send(channel: number, frame: Uint8Array): void {
    this.#uplink?.write(toStream([encodeEnvelope({ channel, frame })]));
  }

  #next(): Bridged | null {
    const waiting = [...this.#lines.values()].filter(({ frames }) => frames.length > 0);
    waiting.sort((a, b) => a.channel - b.channel);
    return waiting.find(({ channel }) => channel > this.#last) ?? waiting[0] ?? null;
  }

  #freeChannel(): number {
    let channel = 0;
    while (this.#lines.has(channel) && channel < channelMax) channel++;
    return channel;
  }

  #drop(bridged: Bridged): void {
    this.#account(bridged, -bridged.bytes);
    bridged.frames.length = 0;
    if (bridged.isPaused) bridged.line.resume();
    bridged.isPaused = false;
  }

  #account(bridged: Bridged, bytes: number): void {
    bridged.bytes += bytes;
    this.#bytes += bytes;
  }
}

function count(traffic: Map<string, Traffic>, path: string, bytes: number): void {
  const sum = traffic.get(path) ?? { frames: 0, bytes: 0 };
  traffic.set(path, { frames: sum.frames + 1, bytes: sum.bytes + bytes });
}
