import {
  FLAG_UPTIME_STOPS,
  FRAGMENT,
  PROOF,
  RESET_AUTH,
  RESET_NO_SESSION,
  RESET_TABLE,
  RESET_UNAVAILABLE,
  RESET_VERSION,
  TABLE,
} from '../sdk/wire.js';
import { Handshake, isAmong } from './auth/handshake.js';
import type { SessionKey } from './auth/session-key.js';
import { Channels } from './channels.js';
import { isEnvelope } from './envelope.js';
import { Fragments } from './fragments.js';
import {
  type Broken,
  checkFrame,
  closed,
  encodeFrame,
  FrameReader,
  type FrameTaker,
  mayHaveMac,
} from './frame.js';
import type { Site } from './intake.js';
import type { Channel, ChannelHandler } from './listeners/channel.js';
import { type Data, decodeMessage, encodeAck, encodeReset, type Hello } from './message.js';
import { type Event, type State, transitions } from './session-states.js';
import { SessionTables, type TablesListener } from './session-tables.js';
import type { Admitted, Sessions } from './sessions.js';

// frame → session → journal: the proxy's half of the conversation on one channel (PROTOCOL.md §7). What a state
// does at an event is in session-states.ts; nothing else changes the state.
// Guarantee: whatever comes in is answered, taken or counted, and never throws.

const resetIntervalMs = 1_000;
const quietMs = 1_000;
const unavailableRetryMs = 2_000;
const unprovenRetryMs = 60_000;
const limitRetryMs = 60_000;
/** Of a line without a sound frame among them: another baud rate, or no device of ours. */
const garbleBytes = 8_192;
/** [W-55] A datagram that is on its way for longer is gone. */
const datagramLifeMs = 60_000;

export class Session implements ChannelHandler, FrameTaker, TablesListener {
  readonly #site: Site;
  readonly #sessions: Sessions;
  readonly channel: Channel;
  readonly #frames: FrameReader;
  /** Of a channel on which frames come in parts. */
  #fragments: Fragments | null = null;
  /** By reason. Null until there was one, as what follows: a connection that goes well holds little. */
  #resetAtMs: Map<number, number> | null = null;
  #sentAtMs = -Infinity;
  #greetedAtMs = -Infinity;
  /** Bytes since the last sound frame. */
  #unsoundBytes = 0;
  #garbled = false;
  #state: State = 'silent';
  #admitted: Admitted | null = null;
  /** Where the listener asks for keys: the session's, and what leads to one. */
  #key: SessionKey | null = null;
  #handshake: Handshake | null = null;
  #tables: SessionTables | null = null;
  #cancelTimer: (() => void) | null = null;
  #cancelHeld: (() => void) | null = null;
  /** Of a gateway's connection: its lines. */
  #channels: Channels | null = null;

  constructor(site: Site, sessions: Sessions, channel: Channel) {
    this.#site = site;
    this.#sessions = sessions;
    this.channel = channel;
    this.#frames = new FrameReader(this);
    this.#armSilence();
  }

  get state(): State {
    return this.#state;
  }

  /** That its device lists. */
  get boots(): Iterable<number> {
    return this.#admitted?.intakes.keys() ?? [];
  }

  received(bytes: Uint8Array): void {
    this.#unsoundBytes += bytes.length;
    this.#frames.push(bytes);
    const isGarbled = this.channel.kind === 'line' && this.#unsoundBytes >= garbleBytes;
    if (isGarbled && !this.#garbled) this.count('line-garbled', { bytes: this.#unsoundBytes });
    this.#garbled = isGarbled;
    this.#answer();
  }

  closed(): void {
    this.#channels?.closed();
    this.step({ type: 'down' });
  }

  /** An fsync made these boots durable, or Kafka has them; none named: the journal takes records again. */
  synced(boots: ReadonlySet<number>): void {
    this.step({ type: 'synced', boots });
    this.#answer();
  }

  failed(): void {
    this.step({ type: 'failed' });
  }

  /** A key of its device is no longer valid: perhaps the one under which it speaks. */
  keyGone(): void {
    const device = this.#admitted?.hello.device;
    if (device === undefined || this.#key === null) return;
    if (!isAmong(this.#site.keys, device, this.#key.deviceKey)) this.step({ type: 'revoked' });
  }

  /** Another channel of the device has taken over. */
  replaced(): void {
    this.step({ type: 'down' });
    this.channel.close();
  }

  step(event: Event): void {
    const action = transitions[this.#state][event.type];
    switch (action) {
      case 'greet':
        if (event.type === 'hello') this.#greet(event.hello, event.body, event.key);
        break;
      case 'refuse':
        if (event.type === 'unproven') this.count('proof-wrong', { device: event.device });
        this.#reset(RESET_AUTH, unprovenRetryMs);
        break;
      case 'lock-out':
        this.count('revoked', { device: this.#admitted?.hello.device ?? '' });
        this.#leave();
        this.#enter('silent');
        this.#reset(RESET_AUTH, unprovenRetryMs);
        break;
      case 'no-session':
        this.count('no-session', { what: event.type });
        this.#reset(RESET_NO_SESSION, 0);
        break;
      case 'table':
        if (event.type === 'table') this.#tables?.take(event.message);
        break;
      case 'data':
        if (event.type === 'data') this.#data(event.message);
        break;
      case 'count':
        if (event.type === 'broken') this.count(`frame-${event.why}`);
        if (event.type === 'other') this.count(event.outcome, event.detail);
        if (event.type === 'other' && event.outcome === 'unknown-version' && this.#key === null) {
          this.#reset(RESET_VERSION, 60_000);
        }
        if (event.type === 'unproven') this.count('proof-wrong', { device: event.device });
        break;
      case 'acknowledge':
        if (event.type === 'synced') this.#settle(event.boots);
        break;
      case 'unavailable':
        this.#leave();
        this.#enter('silent');
        this.#reset(RESET_UNAVAILABLE, unavailableRetryMs);
        break;
      case 'close-connection':
        this.#silence();
        break;
      case 'end':
        this.#leave();
        this.#enter('closed');
        break;
      case 'nothing':
        break;
    }
  }

  frame(frame: Uint8Array): void {
    if (isEnvelope(frame)) this.#envelope(frame);
    else this.#take(frame, false);
  }

  broken(why: Broken): void {
    this.step({ type: 'broken', why });
  }

  /** [W-44] Of a gateway's connection, on which lines may speak. */
  #envelope(frame: Uint8Array): void {
    if (this.channel.auth === 'certificate') {
      this.count('envelope-by-certificate');
      return;
    }
    if (this.channel.isInEnvelope === true) {
      this.count('envelope-in-envelope');
      return;
    }
    this.#channels ??= new Channels(this.channel, this.#sessions.accept, this.#site.outcomes);
    this.#channels.take(frame);
  }

  #silence(): void {
    const { channel } = this;
    if (this.#channels !== null) channel.seat?.mayEnd(() => channel.close());
    else if (channel.kind !== 'line') this.count('hello-timeout');
    const stays = this.#channels !== null || (channel.kind === 'line' && !channel.isInEnvelope);
    if (stays) return;
    this.#enter('closed');
    channel.close();
  }

  /** [W-45] A frame that came in parts is one like any other, but no part itself. */
  #take(frame: Uint8Array, cameInParts: boolean): void {
    const asksForKeys = this.channel.auth === 'keys';
    if (asksForKeys && frame[0] === PROOF) {
      this.#proof(frame);
      return;
    }
    if (asksForKeys && this.#key === null && mayHaveMac(frame)) {
      this.#unreadable(frame);
      return;
    }
    const key = mayHaveMac(frame) ? this.#key : null;
    const body = key === null ? checkFrame(frame) : key.open(frame);
    if (typeof body === 'string') {
      this.step({ type: 'broken', why: body });
      return;
    }
    this.#unsoundBytes = 0;
    if (body[0] !== FRAGMENT || cameInParts) {
      this.step(toEvent(decodeMessage(body), body));
      return;
    }
    this.#fragments ??= new Fragments(this.#site.clock);
    const assembly = this.#fragments.take(body);
    if (assembly.type === 'dropped') this.count(`fragment-${assembly.why}`);
    if (assembly.type === 'frame') this.#take(assembly.frame, true);
  }

  /** Without a session nobody can look at a MAC: it is no more than a sign that a device thinks it has one. */
  #unreadable(frame: Uint8Array): void {
    const what = frame[0] === TABLE ? 'table' : 'data';
    this.count('no-session', { what });
    this.#reset(RESET_NO_SESSION, 0);
  }

  #proof(frame: Uint8Array): void {
    const answer = this.#handshake?.proof(frame) ?? unasked;
    switch (answer.type) {
      case 'proven': {
        const { hello, key } = answer;
        this.#unsoundBytes = 0;
        this.step({ type: 'hello', hello, body: frame, key });
        break;
      }
      case 'again':
        this.count(answer.why);
        this.#send(answer.challenge);
        break;
      case 'wrong':
        this.step({ type: 'unproven', device: answer.hello.device });
        break;
      case 'nothing':
        this.count(answer.why);
        break;
    }
  }

  /** [W-56] A HELLO changes nothing until its PROOF is there. */
  #challenge(hello: Hello, body: Uint8Array): void {
    const { keys, clock } = this.#site;
    this.#handshake ??= new Handshake(
      keys,
      (bytes) => clock.random(bytes),
      (device) => this.#sessions.lastKey(device),
    );
    const challenge = this.#handshake.begin(hello, body);
    if (challenge !== null) this.#send(challenge);
  }

  #greet(hello: Hello, body: Uint8Array, key: SessionKey | null): void {
    if (!this.#isItsCertificate(hello)) {
      this.count('not-its-certificate', { device: hello.device });
      this.#reset(RESET_AUTH, unprovenRetryMs);
      return;
    }
    if (this.#isLate(hello)) {
      this.count('hello-late', { device: hello.device });
      return;
    }
    if (this.channel.auth === 'keys' && key === null) {
      this.#challenge(hello, body);
      return;
    }
    const answer = this.#sessions.admit(hello, this, this.#admitted, key);
    if (answer.type === 'refused') {
      this.count(answer.outcome, { device: hello.device });
      if (answer.reason !== null) this.#reset(answer.reason, answer.retryMs);
      return;
    }
    const { welcome, ...admitted } = answer;
    this.#admitted = admitted;
    this.#greetedAtMs = this.#site.clock.monotonicMs();
    this.#tables = new SessionTables(this.#site, this.#sessions.tables, hello, this);
    this.#key = key;
    this.#send(welcome);
    this.channel.seat?.prove();
    this.#enter('live');
  }

  /** [W-42] Where certificates name devices: this one, and no other. */
  #isItsCertificate({ device }: Hello): boolean {
    const { auth, certificateName } = this.channel;
    return auth !== 'certificate' || device === certificateName;
  }

  /** [W-55] Said before the last one, by the same life of the device: its tables and boots were those of then. */
  #isLate({ device, boots, uptime }: Hello): boolean {
    const last = this.#admitted?.hello;
    if (this.channel.kind !== 'datagrams' || last?.device !== device) return false;
    const running = boots.at(-1)?.boot ?? null;
    const isSameLife = running !== null && running === last.boots.at(-1)?.boot;
    const agoMs = this.#site.clock.monotonicMs() - this.#greetedAtMs;
    return isSameLife && uptime < last.uptime && agoMs < datagramLifeMs;
  }

  /** As `notAllowed`. */
  tooManyTables(): void {
    this.count('tables-max', { device: this.#admitted?.hello.device ?? '' });
    this.#reset(RESET_UNAVAILABLE, limitRetryMs);
  }

  /** The device is told, keeps its events, and comes again. */
  notAllowed(stream: string): void {
    this.count('stream-not-allowed', { device: this.#admitted?.hello.device ?? '', stream });
    this.#reset(RESET_AUTH, limitRetryMs);
  }

  #data(message: Data): void {
    const admitted = this.#admitted;
    if (admitted === null) return;
    const { device, flags } = admitted.hello;
    const uptimeStops = (flags & FLAG_UPTIME_STOPS) !== 0;
    const running = message.boot === admitted.runningBoot;
    const { clock } = this.#site;
    const window = admitted.windows.get(message.boot);
    if (running) window?.sample(clock, message.uptime);
    const intake = admitted.intakes.get(message.boot);
    const table = this.#tables?.at(message.table) ?? null;
    if (intake === undefined) {
      this.count('boot-not-welcomed', { device, boot: message.boot });
      this.#reset(RESET_NO_SESSION, 0);
    } else if (table === null && !namesNoTable(message)) {
      this.count('table-lacking', { device, index: message.table });
      this.#reset(RESET_TABLE, 0);
    } else if (table !== 'forbidden') {
      const forbidden = intake.data(message, table, {
        arrivalMs: clock.nowMs(),
        running,
        offsetMs: window?.offsetMs(clock, uptimeStops) ?? null,
        uptimeStops,
      });
      if (forbidden !== null) this.notAllowed(forbidden);
    }
  }

  #settle(boots: ReadonlySet<number>): void {
    for (const [boot, intake] of this.#admitted?.intakes ?? []) {
      if (boots.has(boot) || boots.size === 0) intake.settled();
    }
  }

  /** Once per turn: a burst of frames is answered by one ACK per boot. */
  #answer(): void {
    if (this.#state !== 'live' || this.#admitted === null) return;
    for (const [boot, intake] of this.#admitted.intakes) {
      const answer = intake.answer();
      if (answer !== null) this.#send(encodeAck(boot, answer.next, answer.limit, answer.gap));
      this.#tellLater(boot, intake.heldMs);
    }
  }

  /** A device that waits for its rate hears of new credit when there is some, and need not ask. */
  #tellLater(boot: number, heldMs: number | null): void {
    if (heldMs === null || this.#cancelHeld !== null) return;
    this.#cancelHeld = this.#site.clock.after(heldMs, () => {
      this.#cancelHeld = null;
      this.synced(new Set([boot]));
    });
  }

  /** [W-32] Of each reason at most one a second. */
  #reset(reason: number, retryMs: number): void {
    const now = this.#site.clock.monotonicMs();
    this.#resetAtMs ??= new Map();
    const last = this.#resetAtMs.get(reason);
    if (last !== undefined && now - last < resetIntervalMs) return;
    this.#resetAtMs.set(reason, now);
    this.#send(encodeReset(reason, retryMs));
  }

  /** [W-8] A 0x00 before the first frame and after a silence: the line may have made noise. */
  #send(body: Uint8Array): void {
    const now = this.#site.clock.monotonicMs();
    const key = mayHaveMac(body) ? this.#key : null;
    if (key?.isSpent === true) {
      // [W-40] The device says HELLO, and is challenged.
      this.step({ type: 'failed' });
      return;
    }
    const frame = key === null ? encodeFrame(body) : closed(key.seal(body));
    const quiet = now - this.#sentAtMs >= quietMs;
    this.#sentAtMs = now;
    this.channel.send(quiet ? Uint8Array.of(0, ...frame) : frame);
  }

  count(kind: string, detail: Record<string, string | number> = {}): void {
    this.#site.outcomes.count(kind, { channel: this.channel.name, ...detail });
  }

  #leave(): void {
    if (this.#admitted !== null) this.#sessions.leave(this.#admitted.hello.device, this);
    this.#admitted = null;
    this.#cancelHeld?.();
    this.#cancelHeld = null;
    this.#key = null;
    this.#tables = null;
  }

  #enter(state: State): void {
    this.#state = state;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (state === 'silent') this.#armSilence();
  }

  #armSilence(): void {
    const { clock, limits } = this.#site;
    this.#cancelTimer = clock.after(limits.helloTimeoutMs, () => this.step({ type: 'silence' }));
  }
}

/** A range of lost events, [reason], can be taken whatever its firmware had declared. */
function namesNoTable({ block }: Data): boolean {
  return block[0] === 0x81;
}

const unasked = { type: 'nothing', why: 'proof-unasked' } as const;

function toEvent(message: ReturnType<typeof decodeMessage>, body: Uint8Array): Event {
  switch (message.type) {
    case 'hello':
      return { type: 'hello', hello: message, body, key: null };
    case 'table':
      return { type: 'table', message };
    case 'data':
      return { type: 'data', message };
    case 'version':
      return { type: 'other', outcome: 'unknown-version', detail: { version: message.version } };
    case 'other':
      return { type: 'other', outcome: 'unknown-type', detail: { number: message.number } };
    case 'malformed':
      return { type: 'other', outcome: `malformed-${message.what}`, detail: { why: message.why } };
  }
}
