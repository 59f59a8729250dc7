import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isEnd, type LaneInput, laneStates, step } from '../../../proxy/kafka/lane-state.js';

const inputs: LaneInput[] = [
  'started',
  'refuse',
  'retry',
  'topics-good',
  'topics-bad',
  'claim-ours',
  'claim-foreign',
  'stop',
  'failed-unreachable',
  'failed-unanswered',
  'failed-epoch',
  'failed-topic-missing',
  'failed-topic-forbidden',
  'failed-refused',
  'failed-misconfigured',
];

// Rows: states; columns: the inputs above. s starting, f flowing, h held, w waiting, c claims,
// R refused, F fenced, S stopped.
const expected = {
  starting: 'f R s s s s F S w w c w w w w',
  flowing: 'f R f f h f f S w w c w w w w',
  held: 'h R h f h h h S w w c w w w w',
  waiting: 'w w s w w w w S w w w w w w w',
  claims: 'c c c c c w F S c c c c c c c',
  refused: 'R R R R R R R R R R R R R R R',
  fenced: 'F F F F F F F F F F F F F F F',
  stopped: 'S S S S S S S S S S S S S S S',
};
const letters: Record<string, string> = {
  ...{ s: 'starting', f: 'flowing', h: 'held', w: 'waiting', c: 'claims' },
  ...{ R: 'refused', F: 'fenced', S: 'stopped' },
};

for (const state of laneStates) {
  test(`every cell of ${state}`, () => {
    const row = expected[state].split(' ').map((letter) => letters[letter]);
    assert.equal(
      inputs.map((input) => step(state, input)),
      row,
    );
  });
}

test('three states are an end, and nothing leaves them', () => {
  assert.equal(laneStates.filter(isEnd), ['refused', 'fenced', 'stopped']);
});

test.run();
