import { decodeEnvelope, isEnvelope } from '../../proxy/envelope.js';
import { Fragments } from '../../proxy/fragments.js';
import { checkFrame, FrameReader } from '../../proxy/frame.js';
import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import { decodeMessage, type Hello } from '../../proxy/message.js';
import { decodeAnswer } from '../proxy/talk.js';
import type { SessionSite } from './session-site.js';
import { check } from './target.js';

// A channel to a fuzzed session, from outside: it reads what goes in as the proxy does, so that it knows who was greeted, and judges each
// answer that comes out by what the site made durable.

/** What WELCOME opened: by the boot's number, from where it is sent and what was told of it. */
interface Welcomed {
  device: string;
  boots: Map<number, { lowest: number; told: number; limit: number }>;
}

/** A line of its own, or one behind a gateway. */
interface Way {
  fragments: Fragments;
  hellos: Map<number, Hello>;
  welcomed: Welcomed | null;
}

export class SessionChannel {
  readonly #site: SessionSite;
  readonly #ways = new Map<number, Way>();
  readonly #handler: ChannelHandler;
  readonly #in: FrameReader;
  readonly #out: FrameReader;
  isClosed = false;
  /** Frames that came in, and answers that went out. */
  heard = 0;
  answered = 0;
  /** The newest boots that were welcomed. */
  boots: number[] = [];
  next = 0;

  constructor(site: SessionSite, kind: Channel['kind'], name: string) {
    this.#site = site;
    this.#in = new FrameReader({
      frame: (frame) => this.#came(frame),
      broken: () => void this.heard++,
    });
    this.#out = new FrameReader({
      frame: (frame) => this.#went(frame),
      broken: (why) => check(false, `the proxy says a broken frame: ${why}`),
    });
    this.#handler = site.site.sessions.accept({
      ...{ name, kind, auth: 'none' },
      send: (bytes) => {
        check(bytes.at(-1) === 0, 'a frame without its end');
        this.#out.push(bytes);
      },
      close: () => this.close(),
    });
  }

  received(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.#in.push(bytes);
    this.#handler.received(bytes);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler.closed();
  }

  #way(number: number): Way {
    const clock = this.#site.site.clock;
    const way = this.#ways.get(number) ?? {
      ...{ fragments: new Fragments(clock), hellos: new Map(), welcomed: null },
    };
    this.#ways.set(number, way);
    return way;
  }

  #came(frame: Uint8Array): void {
    this.heard++;
    if (!isEnvelope(frame)) {
      this.#said(this.#way(-1), frame);
      return;
    }
    const envelope = decodeEnvelope(frame);
    if (envelope === null) return;
    if (envelope.frame.length === 0) this.#ways.delete(envelope.channel);
    else this.#said(this.#way(envelope.channel), envelope.frame);
  }

  #said(way: Way, frame: Uint8Array): void {
    const body = checkFrame(frame);
    if (typeof body === 'string') return;
    if (body[0] === 13) {
      const assembly = way.fragments.take(body);
      if (assembly.type === 'frame' && assembly.frame[4] !== 13) this.#part(way, assembly.frame);
      return;
    }
    const message = decodeMessage(body);
    if (message.type === 'hello') way.hellos.set(message.nonce, message);
  }

  #part(way: Way, frame: Uint8Array): void {
    const body = checkFrame(frame);
    if (typeof body === 'string') return;
    const message = decodeMessage(body);
    if (message.type === 'hello') way.hellos.set(message.nonce, message);
  }

  #went(frame: Uint8Array): void {
    this.answered++;
    const envelope = isEnvelope(frame) ? decodeEnvelope(frame) : { channel: -1, frame };
    check(envelope !== null, 'the proxy says a broken envelope');
    const body = checkFrame(envelope.frame);
    check(typeof body !== 'string', 'the proxy says a broken frame');
    this.#judge(this.#way(envelope.channel), body);
  }

  #judge(way: Way, body: Uint8Array): void {
    const answer = decodeAnswer(body);
    if (answer.type === 'reset') {
      check(answer.reason <= 5 && answer.retryMs <= 3_600_000, 'a RESET out of range');
      return;
    }
    if (answer.type === 'ack') {
      check(way.welcomed !== null, 'an ACK without a WELCOME before it');
      const told = way.welcomed.boots.get(answer.boot);
      check(told !== undefined, 'an ACK of a boot that was not welcomed');
      this.#checkNext(way.welcomed.device, answer.boot, answer.next, told.lowest);
      check(answer.limit >= told.limit, 'the limit falls within a session');
      check(answer.next >= told.told, 'what was acknowledged is taken back');
      Object.assign(told, { told: answer.next, limit: answer.limit });
      this.next = answer.next;
      return;
    }
    const hello = way.hellos.get(answer.nonce);
    check(hello !== undefined, 'a WELCOME that nobody asked for');
    check(body.length + 4 <= hello.frameBytesMax, 'a WELCOME that the device can not read');
    check(answer.boots.length === hello.boots.length, 'not a place for each boot');
    const boots: Welcomed['boots'] = new Map();
    for (const [at, { boot, next, limit }] of answer.boots.entries()) {
      const { lowest } = hello.boots[at]!;
      check(boot > 0 && boot < 2 ** 32 && !boots.has(boot), 'a number that is none, or twice');
      this.#checkNext(hello.device, boot, next, lowest);
      check(limit >= next, 'a limit below the place');
      boots.set(boot, { lowest, told: next, limit });
      this.next = next;
    }
    way.welcomed = { device: hello.device, boots };
    this.boots = [...boots.keys()];
  }

  /** [W-27] */
  #checkNext(device: string, boot: number, next: number, lowest: number): void {
    const most = Math.max(this.#site.durableBelow(device, boot), lowest);
    check(next <= most, 'more is acknowledged than what is durable');
  }
}
