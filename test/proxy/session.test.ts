import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame } from '../../proxy/frame.js';
import { type Event, type State, transitions } from '../../proxy/session-states.js';
import { block, items, motesBytes, motesId, Peer, site } from './talk.js';
import { fromHex, toHex, vectors } from './vectors.js';

const BOOT = 77;

/** A channel in a state; `live` has boot 77 and its table, all durable. */
function channel(state: State, kind: 'connection' | 'line' = 'connection') {
  const world = site();
  const peer = new Peer(world.sessions, kind);
  if (state !== 'silent') {
    peer.hello([{ boot: BOOT }]);
    peer.table();
    world.journal.sync();
  }
  if (state === 'closed') peer.handler.closed();
  peer.heard();
  assert.is(peer.session.state, state);
  return { ...world, peer };
}

type Cell = { to: State; answers: string[]; counted?: string; closes?: boolean };
const nothing = (to: State): Cell => ({ to, answers: [] });
const counted = (to: State, kind: string, answers: string[] = []): Cell => ({
  ...{ to, answers, counted: kind },
});

/** PROTOCOL.md §7, what a peer sees of each cell. */
const cells: Record<State, Record<Event['type'], Cell>> = {
  silent: {
    hello: { to: 'live', answers: ['welcome'] },
    unproven: counted('silent', 'proof-wrong', ['reset 4']),
    table: counted('silent', 'no-session', ['reset 0']),
    data: counted('silent', 'no-session', ['reset 0']),
    other: counted('silent', 'unknown-type'),
    broken: counted('silent', 'frame-check'),
    synced: nothing('silent'),
    failed: nothing('silent'),
    revoked: nothing('silent'),
    silence: { to: 'closed', answers: [], counted: 'hello-timeout', closes: true },
    down: nothing('closed'),
  },
  live: {
    hello: { to: 'live', answers: ['welcome'] },
    unproven: counted('live', 'proof-wrong'),
    table: counted('live', 'table-again'),
    data: nothing('live'), // taken: its ACK is the fsync's
    other: counted('live', 'unknown-type'),
    broken: counted('live', 'frame-check'),
    synced: { to: 'live', answers: ['ack'] },
    failed: { to: 'silent', answers: ['reset 5'] },
    revoked: counted('silent', 'revoked', ['reset 4']),
    silence: nothing('live'),
    down: nothing('closed'),
  },
  closed: {
    hello: nothing('closed'),
    unproven: nothing('closed'),
    table: nothing('closed'),
    data: nothing('closed'),
    other: nothing('closed'),
    broken: nothing('closed'),
    synced: nothing('closed'),
    failed: nothing('closed'),
    revoked: nothing('closed'),
    silence: nothing('closed'),
    down: nothing('closed'),
  },
};

function happens(event: Event['type'], { peer, journal, clock }: ReturnType<typeof channel>): void {
  switch (event) {
    case 'hello':
      peer.hello([{ boot: BOOT }]);
      break;
    case 'table':
      peer.table();
      break;
    case 'data':
      peer.data(BOOT, 0, block(2_000));
      break;
    case 'other':
      peer.say(fromHex('181e'));
      break;
    case 'broken':
      peer.handler.received(encodeFrame(Uint8Array.of(6)).with(-2, 1));
      break;
    case 'synced':
      journal.append({
        ...{ kind: 'loss', device: 'mote-1', boot: BOOT, from: 0, to: 1, arrivalMs: 0 },
        reason: 'overflow',
      });
      journal.sync();
      break;
    case 'failed':
      journal.fail();
      break;
    case 'unproven':
      peer.session.step({ type: 'unproven', device: 'mote-1' });
      break;
    case 'revoked':
      peer.session.step({ type: 'revoked' });
      break;
    case 'silence':
      clock.advance(10_000);
      break;
    case 'down':
      peer.handler.closed();
  }
}

for (const state of ['silent', 'live', 'closed'] as const) {
  for (const event of Object.keys(transitions[state]) as Event['type'][]) {
    test(`${state}, ${event}`, () => {
      const world = channel(state);
      const { peer } = world;
      const heard: string[] = [];
      const say = peer.say.bind(peer);
      peer.say = (body) => {
        const answers = say(body);
        for (const one of answers) heard.push(word(one));
        return answers;
      };
      happens(event, world);
      for (const one of peer.heard()) heard.push(word(one));
      const cell = cells[state][event];
      assert.is(peer.session.state, cell.to);
      assert.equal(heard, cell.answers);
      assert.is(peer.closed, cell.closes ?? false);
      if (cell.counted !== undefined) assert.is(world.count(cell.counted), 1, cell.counted);
    });
  }
}

const word = (answer: ReturnType<Peer['heard']>[number]): string =>
  answer.type === 'reset' ? `reset ${answer.reason}` : answer.type;

test('a line stays open however long it is silent', () => {
  const { peer, clock } = channel('silent', 'line');
  clock.advance(3_600_000);
  assert.is(peer.session.state, 'silent');
  assert.not(peer.closed);
});

test('a connection that only sends garbage is closed in time', () => {
  const { peer, clock, count } = channel('silent');
  peer.handler.received(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
  clock.advance(9_999);
  assert.not(peer.closed);
  peer.handler.received(new Uint8Array(10_000).fill(65));
  clock.advance(1);
  assert.ok(peer.closed);
  assert.is(count('frame-oversize'), 1);
});

test('RESET is said once a second', () => {
  const { peer, clock } = channel('silent');
  assert.is(peer.data(1, 0, block(1)).length, 1);
  assert.is(peer.data(1, 0, block(1)).length, 0);
  clock.advance(999);
  assert.is(peer.table().length, 0);
  clock.advance(1);
  assert.is(peer.table().length, 1);
});

test('a version that is not spoken is answered by RESET 1, a malformed HELLO by nothing', () => {
  const { peer, count } = channel('silent');
  assert.equal(peer.hello([{}], { version: 0 }).map(word), ['reset 1']);
  assert.is(peer.hello([{}], { version: 9 })[0]?.type, 'welcome');
  assert.equal(peer.say(Uint8Array.from(items(1, 1, 7))), []);
  assert.is(count('malformed-hello'), 1);
});

test('the capture of PROTOCOL.md, byte for byte', () => {
  const { clock, journal, sessions } = site();
  const capture = vectors<{
    boot: number;
    block: string;
    steps: { from: string; what: string; bytes: string; lost: boolean }[];
  }>('capture');
  clock.wallMs = 1_763_956_800_123;
  let peer = new Peer(sessions);
  let helloes = 0;
  for (const { from, what, bytes, lost } of capture.steps) {
    if (lost) {
      peer.handler.closed();
      clock.advance(11_120);
      peer = new Peer(sessions);
    } else if (from === 'device') {
      if (what.includes('HELLO') && helloes++ === 1) clock.wallMs = 1_763_956_811_243;
      peer.handler.received(fromHex(bytes));
      if (what.startsWith('TABLE') || what.startsWith('DATA')) journal.sync();
    } else {
      assert.is(toHex(Uint8Array.from(peer.bytes)), bytes, what);
      peer.bytes = [];
    }
  }
  const [table, taken] = journal.records;
  assert.is(table?.kind, 'table');
  assert.is(taken?.kind === 'block' && toHex(taken.bytes), capture.block);
});

test('a table is known by its id alone', () => {
  const { sessions, count, journal } = site();
  const peer = new Peer(sessions);
  const [welcome] = peer.hello([{ boot: BOOT }]);
  assert.equal(welcome?.type === 'welcome' && welcome.lacking, [0]);
  peer.table(0, motesBytes, 1);
  assert.is(count('table-part-missing'), 1);
  peer.table(3);
  assert.is(count('table-not-listed'), 1);
  assert.equal(peer.data(BOOT, 0, block(5)).map(word), ['reset 3']);
  peer.table();
  assert.equal(toHex(journal.table('mote-1', motesId)!.bytes), toHex(motesBytes));
  const [early] = peer.hello([{ boot: BOOT }]);
  assert.equal(early?.type === 'welcome' && early.lacking, [0], 'not durable yet');
  journal.sync();
  const [late] = peer.hello([{ boot: BOOT }]);
  assert.equal(late?.type === 'welcome' && late.lacking, []);
});

test('a table comes stream by stream, and from the first one again', () => {
  const plant = vectors<{ cases: { id: string; bytes: string; parts: string[] }[] }>('tables')
    .cases[1]!;
  const { sessions, count, journal } = site();
  const peer = new Peer(sessions);
  peer.hello([{ boot: BOOT }], { tables: [motesId, plant.id] });
  const part = (stream: number) => peer.table(1, fromHex(plant.parts[stream]!), stream);
  part(0);
  part(1);
  part(1);
  assert.is(count('table-part-missing'), 1);
  part(0);
  part(1);
  assert.is(journal.table('mote-1', plant.id), null);
  part(2);
  assert.is(toHex(journal.table('mote-1', plant.id)!.bytes), plant.bytes);
  part(0);
  assert.is(count('table-again'), 1);
});

test('parts that never become the table are not kept beyond 2,048 bytes', () => {
  const { sessions, count } = site();
  const peer = new Peer(sessions);
  peer.hello([{ boot: BOOT }]);
  const described = Uint8Array.from([0x78, 200, ...new Uint8Array(200).fill(65)]);
  for (let stream = 0; stream < 11; stream++) peer.table(0, described, stream);
  assert.is(count('table-wrong-id'), 1);
  peer.table(0, motesBytes, 11);
  assert.is(count('table-part-missing'), 1);
});

test('a HELLO that other datagrams overtook changes nothing', () => {
  const plant = vectors<{ cases: { id: string; bytes: string; parts: string[] }[] }>('tables')
    .cases[1]!;
  const { sessions, journal, clock, count } = site();
  const peer = new Peer(sessions, 'datagrams');
  const older = { nonce: 5, uptime: 28_329, tables: [plant.id] };
  peer.hello([{ boot: 76 }, { boot: BOOT, next: 4 }], older);
  for (const [stream, part] of plant.parts.entries()) peer.table(0, fromHex(part), stream);
  const lost = Uint8Array.of(0x81, 0);
  peer.data(76, 0, lost, 21);
  peer.hello([{ boot: BOOT, next: 4 }], { nonce: 6, uptime: 28_436 });
  peer.table();
  journal.sync();
  peer.heard();

  assert.equal(peer.hello([{ boot: 76 }, { boot: BOOT, next: 4 }], older), []);
  assert.is(count('hello-late'), 1);
  peer.data(BOOT, 0, block(2_000));
  assert.is(count('undecodable'), 0);
  assert.is(count('boot-ended'), 1, 'boot 76 is no longer listed');

  clock.advance(60_000);
  const [wiped] = peer.hello([{ boot: BOOT }], { nonce: 7, uptime: 12 });
  assert.is(wiped?.type, 'welcome', 'the same number, by a device whose store was wiped');
  const line = new Peer(sessions, 'line');
  line.hello([{ boot: 90 }], { device: 'mote-2', uptime: 9_000 });
  const [again] = line.hello([{ boot: 90 }], { device: 'mote-2', uptime: 8_000 });
  assert.is(again?.type, 'welcome', 'what comes on a line comes in order');
});

test('a table without streams is known to every proxy', () => {
  const { sessions, journal } = site();
  const none = vectors<{ cases: { id: string }[] }>('tables').cases[2]!;
  const peer = new Peer(sessions);
  const [welcome] = peer.hello([{ boot: BOOT }], { tables: [none.id] });
  assert.equal(welcome?.type === 'welcome' && welcome.lacking, []);
  assert.is(journal.table('mote-1', none.id)?.bytes.length, 0);
});

test('a WELCOME that the device could not read is not sent', () => {
  const { peer, count } = channel('silent');
  const boots = Array.from({ length: 16 }, (_, boot) => ({ boot: boot + 100_000 }));
  assert.equal(peer.hello(boots, { frameBytesMax: 64 }), []);
  assert.is(count('welcome-too-large'), 1);
  assert.is(peer.hello(boots)[0]?.type, 'welcome');
});

test('frames of one chunk are answered by one ACK', () => {
  const { peer, journal } = channel('live');
  const frames = [0, 1, 2, 3].map((seq) =>
    encodeFrame(Uint8Array.from([...items(4, BOOT, 9_000, 0, seq, 1), ...block(2_000 + seq)])),
  );
  peer.handler.received(Buffer.concat(frames));
  assert.equal(peer.heard(), []);
  journal.sync();
  assert.equal(peer.heard(), [{ type: 'ack', boot: BOOT, next: 4, limit: 260, gap: 0 }]);
});

test('a line without a sound frame for 8,192 bytes is said once, and again after one', () => {
  const { peer, count } = channel('live', 'line');
  const garbage = new Uint8Array(1_024).map((_, at) => (at * 7) % 251);
  const flood = (chunks: number) => {
    for (let chunk = 0; chunk < chunks; chunk++) peer.handler.received(garbage);
  };
  flood(7);
  assert.is(count('line-garbled'), 0);
  flood(20);
  assert.is(count('line-garbled'), 1);
  peer.handler.received(Uint8Array.of(0));
  assert.is(peer.hello([{ boot: BOOT }])[0]?.type, 'welcome');
  flood(9);
  assert.is(count('line-garbled'), 2);
  const { peer: connection, count: elsewhere } = channel('live');
  for (let chunk = 0; chunk < 9; chunk++) connection.handler.received(garbage);
  assert.is(elsewhere('line-garbled'), 0);
});

test.run();
