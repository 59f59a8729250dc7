import { RESET_REPLACED, RESET_UNAVAILABLE, VERSION } from '../sdk/wire.js';
import { macBytes, type SessionKey } from './auth/session-key.js';
import { Intake, type Site } from './intake.js';
import { type Rate, rateOf } from './limits/rate.js';
import type { Accept } from './listeners/channel.js';
import { encodeWelcome, type Hello } from './message.js';
import { BootOwners, type Numbers, newNumbers, openBoots } from './places.js';
import { Session } from './session.js';
import { emptyTableId, Tables } from './table.js';
import { OffsetWindow } from './time.js';

// All sessions: which channel speaks for a device, and what is remembered of a device between its
// sessions. One session per device is the only writer of its places: a new channel takes over with a
// valid HELLO, and two devices with one name are held apart ([W-31]).

export interface Admitted {
  type: 'admitted';
  hello: Hello;
  runningBoot: number;
  /** By the boot's number from now on. */
  intakes: Map<number, Intake>;
  /** By boot: the running one, and those before it that were heard while they ran. */
  windows: ReadonlyMap<number, OffsetWindow>;
}

export interface Answered extends Admitted {
  /** Body of the WELCOME. */
  welcome: Uint8Array;
}

export interface Refused {
  type: 'refused';
  outcome: string;
  /** Of the RESET; null: no answer. */
  reason: number | null;
  retryMs: number;
}

interface Known {
  session: Session | null;
  /** Of its last session, which it may resume. */
  key: SessionKey | null;
  numbers: Numbers;
  /** Of the boots of its last HELLO that were heard while they ran. */
  windows: Map<number, OffsetWindow>;
  /** Null: it may send as fast as it likes. */
  rate: Rate | null;
  replacedAtMs: number[];
  refusals: number;
}

const replacementsMax = 3;
const replacementsWithinMs = 10_000;
const retryMaxMs = 60_000;
/** Devices without a session that are remembered; the journal's places are not counted here. */
const rememberedMax = 10_000;
const crcBytes = 4;

export class Sessions {
  readonly #site: Site;
  readonly #live = new Map<string, Known>();
  readonly #remembered = new Map<string, Known>();
  readonly #owners: BootOwners;
  readonly tables = new Tables();

  constructor(site: Site) {
    this.#site = { ...site, connected: () => this.#live.size };
    const { journal, acknowledged, keys } = site;
    this.#owners = new BootOwners(journal, () => this.#numbers());
    acknowledged.onMoved((moved) => {
      for (const [device, boots] of moved) {
        if (boots.size > 0) this.#live.get(device)?.session?.synced(boots);
      }
    });
    journal.onFailed(() => {
      for (const { session } of [...this.#live.values()]) session?.failed();
    });
    keys.onRevoked((device) => this.#live.get(device)?.session?.keyGone());
    journal.onWritable((writable) => {
      if (!writable) return;
      for (const { session } of [...this.#live.values()]) session?.synced(new Set());
    });
  }

  /** Devices with a session. */
  get count(): number {
    return this.#live.size;
  }

  accept: Accept = (channel) => new Session(this.#site, this, channel);

  /** [W-41] The key of the device's last session. */
  lastKey(device: string): SessionKey | null {
    return (this.#live.get(device) ?? this.#remembered.get(device))?.key ?? null;
  }

  /** `before`: what this very channel was admitted with. `key`: under which the HELLO was proven, where that was asked. */
  admit(
    hello: Hello,
    session: Session,
    before: Admitted | null,
    key: SessionKey | null,
  ): Answered | Refused {
    const { device } = hello;
    const known = this.#live.get(device) ?? this.#remembered.get(device) ?? this.#unknown();
    const rival = known.session === session ? null : known.session;
    // [W-41] Who goes on with the session's key is the same life of the same device, at another address.
    const isResumed = key !== null && key === known.key;
    if (rival !== null && !isResumed) {
      const retryMs = this.#mayReplace(known);
      if (retryMs > 0) {
        return { type: 'refused', outcome: 'replaced-too-often', reason: RESET_REPLACED, retryMs };
      }
    }
    const { clock, journal, outcomes } = this.#site;
    if (this.#isOneTooMany(hello)) {
      return { type: 'refused', outcome: 'boots-max', reason: RESET_UNAVAILABLE, retryMs: 60_000 };
    }
    const same = before?.hello.device === device ? before : null;
    const openings = openBoots(journal, hello, known.numbers, this.#owners, clock.nowMs());
    const listed = new Set(openings.map(({ boot }) => boot));
    const running = openings[openings.length - 1]!;
    const intakes = new Map(
      openings.map((opening) => {
        const limit = same?.intakes.get(opening.boot)?.limit() ?? 0;
        return [opening.boot, new Intake(this.#site, device, opening, listed, limit, known.rate)];
      }),
    );
    const welcome = this.#welcome(hello, intakes);
    const checkBytes = key === null ? crcBytes : macBytes;
    if (welcome.length + checkBytes > hello.frameBytesMax) {
      return { type: 'refused', outcome: 'welcome-too-large', reason: null, retryMs: 0 };
    }
    for (const { boot, renumberedFrom } of openings) {
      if (renumberedFrom === null) continue;
      outcomes.count('renumbered', { device, from: renumberedFrom, to: boot });
    }
    if (before !== null && same === null) this.leave(before.hello.device, session);
    if (rival !== null) {
      outcomes.count('replaced', { device, channel: rival.channel.name });
      rival.replaced();
    }
    for (const { boot } of openings) this.#owners.add(device, boot);
    known.session = session;
    known.key = key;
    this.#remembered.delete(device);
    this.#live.set(device, known);
    // [W-15] Nobody sends a table without streams: its id is enough.
    if (hello.tables.includes(emptyTableId)) {
      journal.append({ kind: 'table', device, id: emptyTableId, bytes: new Uint8Array() });
    }
    const runningBoot = running.boot;
    if (!running.fresh) this.#forgetOlder(device, runningBoot, listed);
    const { windows } = known;
    for (const boot of windows.keys()) if (!listed.has(boot)) windows.delete(boot);
    // [W-3] A number of which nothing came is given again, to a later life whose uptime began later.
    if (hello.boots.at(-1)?.boot === null) windows.delete(runningBoot);
    const window = windows.get(runningBoot) ?? new OffsetWindow();
    windows.set(runningBoot, window);
    window.sample(clock, hello.uptime);
    return { type: 'admitted', hello, runningBoot, intakes, windows, welcome };
  }

  /** A boot for which there is no room: what is remembered of boots is bounded, of each device and of all. */
  #isOneTooMany(hello: Hello): boolean {
    const { limits, clock } = this.#site;
    const most = { ofDevice: limits.bootsPerDeviceMax, ofAll: limits.bootsMax };
    return this.#owners.areTooMany(hello, most, clock.monotonicMs());
  }

  leave(device: string, session: Session): void {
    const known = this.#live.get(device);
    if (known?.session !== session) return;
    known.session = null;
    this.#live.delete(device);
    this.#remembered.set(device, known);
    if (this.#remembered.size <= rememberedMax) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  *#numbers(): Generator<readonly [device: string, boots: Iterable<number>]> {
    for (const [device, { session }] of this.#live) {
      if (session !== null) yield [device, session.boots];
    }
  }

  #welcome(hello: Hello, intakes: ReadonlyMap<number, Intake>): Uint8Array {
    const { clock, journal } = this.#site;
    const lacking = hello.tables.flatMap((id, index) =>
      id === emptyTableId || journal.table(hello.device, id)?.durable === true ? [] : [index],
    );
    return encodeWelcome({
      version: Math.min(hello.version, VERSION),
      nonce: hello.nonce,
      wallMs: clock.nowMs(),
      lacking,
      boots: [...intakes.values()].map((intake) => ({
        boot: intake.boot,
        next: intake.acknowledged,
        limit: intake.limit(),
      })),
    });
  }

  /** Their end was said with the running boot's first block, or they came to it: a wish that may be lost, and is said again. */
  #forgetOlder(device: string, runningBoot: number, listed: ReadonlySet<number>): void {
    const { journal } = this.#site;
    const places = [...(journal.places(device)?.keys() ?? [])];
    const over = places.filter((boot) => boot < runningBoot && !listed.has(boot));
    if (over.length > 0) journal.forget(device, over);
  }

  /** 0, or how long the newcomer has to wait. */
  #mayReplace(known: Known): number {
    const now = this.#site.clock.monotonicMs();
    known.replacedAtMs = known.replacedAtMs.filter((at) => now - at < replacementsWithinMs);
    if (known.replacedAtMs.length >= replacementsMax) {
      return Math.min(retryMaxMs, 1_000 * 2 ** Math.min(known.refusals++, 10));
    }
    if (known.replacedAtMs.length === 0) known.refusals = 0;
    known.replacedAtMs.push(now);
    return 0;
  }

  #unknown(): Known {
    const { limits, clock } = this.#site;
    return {
      ...{ session: null, key: null, rate: rateOf(limits, clock.monotonicMs()) },
      ...{ numbers: newNumbers(), windows: new Map(), replacedAtMs: [], refusals: 0 },
    };
  }
}
