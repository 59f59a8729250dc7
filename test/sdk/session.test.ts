import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACK_TIMEOUT_MS, BACKOFF_MS, type Mote, mote } from './talk.js';

// PROTOCOL.md §6: the table is read from there, and each of its cells is checked by what the device writes, opens, closes and
// arms. How places, time and bytes go on from there: session-places, session-time, session-bytes.

type State = 'closed' | 'greeting' | 'ready';

/** Seqs 0, 1 and 2 are sent in two blocks, 3 is sealed and waits for credit, 4 lies in the open block. */
function inState(state: State): Mote {
  const made = mote({ lingerMs: 60_000 });
  made.greet();
  made.welcome(0, 3);
  for (const count of [2, 1, 1]) {
    for (let index = 0; index < count; index++) made.sample();
    made.seal();
  }
  made.sample();
  assert.equal(made.said(), ['data 0+2', 'data 2+1']);
  if (state !== 'ready') made.link.events!.down();
  if (state === 'greeting') made.greet();
  return made;
}

/** How long the timer of a state has to go. */
const timerMs = { closed: BACKOFF_MS, greeting: ACK_TIMEOUT_MS, ready: ACK_TIMEOUT_MS };

const happens: Record<string, ((made: Mote, state: State) => void)[]> = {
  up: [({ link }) => link.events!.up()],
  down: [({ link }) => link.events!.down()],
  WELCOME: [(made) => made.welcome(3, 1000, 1)],
  'block ready': [(made) => made.seal(), ({ link }) => link.events!.ready()],
  timer: [({ engine }, state) => engine.advance(timerMs[state])],
  ACK: [(made) => made.ack(2, 1000)],
  RESET: [(made) => made.reset(5, 7000)],
};

const HELD = { opened: 0, closed: 0, messages: [] as string[], acknowledged: 0 };
type Seen = typeof HELD;

/** What each text of the table means, and the state behind its arrow. */
const meanings: Record<string, () => Partial<Seen>> = {
  '–': () => ({}),
  '→ greeting: open the link': () => ({ opened: 1, messages: ['hello'] }),
  '→ greeting: HELLO': () => ({ messages: ['hello'] }),
  '→ greeting: the rest of HELLO': () => ({ messages: ['hello'] }),
  '→ closed: back off': () => ({ closed: 1 }),
  '→ closed: wait': () => ({ closed: 1 }),
  '→ ready: take places, send tables, then blocks': () => ({
    acknowledged: 3,
    messages: ['table 0', 'table 1', 'data 3+1', 'data 4+1'],
  }),
  '→ ready: send': () => ({ acknowledged: 2, messages: ['data 3+1'] }),
  '→ ready: forget, send': () => ({ acknowledged: 2, messages: ['data 3+1'] }),
};

const text = readFileSync('sdk/PROTOCOL.md', 'utf8');
const rows = text
  .slice(text.indexOf('## 6. The device'), text.indexOf('`–`: ignored'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.slice(1, -1).split('|'))
  .map((cells) => cells.map((cell) => cell.trim()));
const [header, , ...states] = rows;

test('the table has three states and seven events', () => {
  assert.equal(header, ['state', ...Object.keys(happens)]);
  assert.equal(
    states.map(([state]) => state),
    ['closed', 'greeting', 'ready'],
  );
});

for (const [state, ...cells] of states) {
  cells.forEach((cell, column) => {
    const event = header![column + 1]!;
    happens[event]!.forEach((happen, variant) => {
      test(`${state}, ${event}${variant ? ' (the link)' : ''}: ${cell}`, () => {
        check(state as State, event, happen, cell);
      });
    });
  });
}

function check(
  state: State,
  event: string,
  happen: (made: Mote, state: State) => void,
  cell: string,
) {
  const made = inState(state);
  const { link, engine, sdk } = made;
  const meaning = meanings[cell];
  assert.ok(meaning, `a test for the cell '${cell}'`);
  if (event === 'block ready' && state !== 'closed') {
    // Something waits for the link: the rest of HELLO, or a block for which there is credit.
    link.room = state === 'greeting' ? 5 : 0;
    if (state === 'greeting') link.events!.up();
    else made.ack(2, 1000);
    link.room = Infinity;
  }
  const { opened, closed } = link;
  const pending = engine.pending();
  happen(made, state);

  const expected = { ...HELD, ...meaning() };
  const messages = made.said();
  // Sealing sends the block that was open besides.
  if (cell === '→ ready: send' && messages.length > 1) assert.is(messages.pop(), 'data 4+1');
  assert.equal(
    {
      opened: link.opened - opened,
      closed: link.closed - closed,
      messages,
      acknowledged: sdk.stats().acknowledged,
    },
    expected,
  );
  assert.ok(engine.pending() >= 1, 'something is awaited, so a timer is armed');
  // Where the open block is sealed, its own timer ends.
  if (cell === '–') assert.ok(engine.pending() <= pending);
  checkState(made, cell === '–' ? state : (/→ (\w+)/.exec(cell)![1] as State), state, event);
}

/** Ends the device's test: which state it is in shows in what `up` does. */
function checkState(made: Mote, to: State, from: State, event: string) {
  const { link, engine, sdk } = made;
  assert.is(sdk.stats().ready, to === 'ready');
  if (to === 'ready') return;
  const { opened } = link;
  link.events!.up();
  assert.equal(made.said(), to === 'greeting' ? ['hello'] : []);
  assert.is(link.opened, opened);
  if (to === 'greeting') return;
  // The second attempt in a row waits twice as long as the first; retryMs comes besides.
  const waitMs = BACKOFF_MS * (from === 'greeting' ? 2 : 1) + (event === 'RESET' ? 7000 : 0);
  engine.advance((from === 'closed' ? BACKOFF_MS : waitMs) - 1);
  assert.is(link.opened, opened);
  engine.advance(1);
  assert.is(link.opened, opened + 1);
}

test.run();
