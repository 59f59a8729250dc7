import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkLink, type FarEnd } from '../../sdk/link-conformance.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';

// The conformance test of links, tested: a sound link passes, and each defect of the table is found by the check that is for it.

/** What a link does wrong, by a name of its own; '' nothing. */
type Defect = string;

/** A wire in memory that takes 500 bytes at a time, and a link on it with one defect. */
function bench(defect: Defect) {
  const is = (name: Defect) => name === defect;
  let current: LinkEvents | null = null;
  let former: LinkEvents | null = null;
  let isUp = false;
  let isFull = false;
  let turn = 0;
  let refuses = false;
  let stalls = false;
  let waiting: Uint8Array[] = [];
  let opened = 0;
  const arrived: number[] = [];
  const later = (act: () => void) => {
    const mine = turn;
    setImmediate(() => (mine === turn || is('tells a former opening')) && act());
  };
  const drain = () => {
    if (stalls || !current) return;
    for (const bytes of waiting) arrived.push(...bytes);
    waiting = [];
    if (isFull && !is('never ready')) current.ready();
    isFull = false;
  };
  const down = () => {
    const events = current!;
    if (!is('takes bytes when it is down')) isUp = false;
    current = null;
    turn++;
    events.down();
    if (is('down twice')) events.down();
  };
  const link: Link = {
    open(events) {
      if (is('open throws') && refuses) throw Error('refused');
      turn++;
      former = events;
      current = events;
      waiting = [];
      isFull = false;
      opened++;
      const up = () => {
        isUp = true;
        events.up();
        if (is('up twice')) events.up();
      };
      if (refuses) {
        if (is('refused: silence')) return;
        if (is('down from inside open')) down();
        else if (is('up before a refusal')) {
          later(() => {
            up();
            later(down);
          });
        } else later(down);
      } else if (is('up from inside open')) up();
      else if (is('up in spite of close')) setImmediate(up);
      else if (!is('opens once only') || opened < 3) later(up);
    },
    write(bytes) {
      if (!isUp || (isFull && !is('takes all'))) {
        if (is('write throws when closed') && !isUp) throw Error('closed');
        return is('takes bytes when it is closed') ? bytes.length : 0;
      }
      const room = is('takes all') ? bytes.length : 500;
      const taken = Math.min(bytes.length, room);
      if (taken < bytes.length || stalls) isFull = true;
      let copy = is('keeps the array') ? bytes.subarray(0, taken) : bytes.slice(0, taken);
      if (is('0x0a becomes 0x0d 0x0a')) {
        copy = Uint8Array.from([...copy].flatMap((byte) => (byte === 10 ? [13, 10] : [byte])));
      }
      if (is('seven bits out')) copy = copy.map((byte) => byte & 127);
      if (is('swaps pieces') && waiting.length) waiting.unshift(copy);
      else waiting.push(copy);
      if (is('ready from inside write') && isFull) current?.ready();
      later(drain);
      if (is('loses what it did not take')) return bytes.length;
      return is('returns more than it got') ? taken + 1 : taken;
    },
    close() {
      if (is('close throws when closed') && !current) throw Error('not open');
      if (is('down from inside close')) current?.down();
      if (is('data after close')) {
        const events = current;
        setImmediate(() => events?.data(Uint8Array.of(1)));
      }
      turn++;
      isUp = is('takes bytes when it is closed') && isUp;
      if (!is('cut is told after close')) current = null;
    },
  };
  const far: FarEnd = {
    arrived: () => arrived,
    send(bytes) {
      const copy = bytes.slice();
      later(() => {
        if (!isUp) return;
        if (is('drops 0x00')) current?.data(copy.filter((byte) => byte !== 0));
        else if (is('swallows 0x03')) current?.data(copy.filter((byte) => byte !== 3));
        else if (is('tells text')) current?.data([...copy] as never);
        else if (is('throws in data when closed in it') && current) {
          const { length } = copy;
          current.data(copy.subarray(0, length >> 1));
          // Goes on with what it read, though it was closed in between.
          former?.data(copy.subarray(length >> 1));
        } else current?.data(copy);
      });
    },
    cut() {
      if (is('deaf to a cut')) return;
      if (is('deaf to a cut while full') && isFull) return;
      if (current) later(down);
    },
    refuse(value) {
      refuses = value;
    },
    stall(value) {
      stalls = value;
      if (!stalls) later(drain);
    },
  };
  return { link: () => link, far, wireBytesMax: 100_000, deadlineMs: 100, settleMs: 3 };
}

const written = /what is written arrives/;
const sent = /what is sent is told/;
const slow = /a far end that is slow/;
const cut = /a cut is one down/;
const refused = /a refused opening/;
const first = /up comes once/;
const senseless = /what makes no sense/;

const defects: [Defect, RegExp][] = [
  ['up from inside open', first],
  ['up twice', first],
  ['up in spite of close', /closed before it was up/],
  ['opens once only', /opened 20 times/],
  ['keeps the array', written],
  ['0x0a becomes 0x0d 0x0a', written],
  ['seven bits out', written],
  ['swaps pieces', slow],
  ['returns more than it got', written],
  ['loses what it did not take', written],
  ['drops 0x00', sent],
  ['swallows 0x03', sent],
  ['tells text', sent],
  ['never ready', slow],
  ['takes all', slow],
  ['ready from inside write', slow],
  ['deaf to a cut', cut],
  ['down twice', cut],
  ['takes bytes when it is down', cut],
  ['deaf to a cut while full', /a cut while write takes nothing/],
  ['open throws', refused],
  ['refused: silence', refused],
  ['down from inside open', refused],
  ['up before a refusal', refused],
  ['data after close', /after close nothing/],
  ['cut is told after close', /after close nothing/],
  ['tells a former opening', /closed before it was up/],
  ['down from inside close', /after close nothing/],
  ['throws in data when closed in it', /closed from inside/],
  ['write throws when closed', senseless],
  ['close throws when closed', senseless],
  ['takes bytes when it is closed', senseless],
];

test('a sound link passes every check', async () => {
  const checks = await checkLink(bench(''));
  assert.equal(
    checks.filter(({ failed, skipped }) => failed ?? skipped),
    [],
  );
  assert.ok(checks.length >= 12);
});

for (const [defect, check] of defects) {
  test(`is found: ${defect}`, async () => {
    const checks = await checkLink(bench(defect));
    const failed = checks.flatMap((one) => (one.failed === undefined ? [] : [one.name]));
    assert.ok(
      failed.some((name) => check.test(name)),
      `failed: ${failed.join('; ') || 'nothing'}`,
    );
  });
}

test('what the far end can not do is skipped, and said', async () => {
  const { far, ...rest } = bench('');
  const { send, arrived } = far;
  const checks = await checkLink({ ...rest, far: { send, arrived } });
  assert.equal(
    checks.flatMap(({ skipped }) => skipped ?? []),
    ['stall', 'cut', 'stall', 'refuse'].map((name) => `the far end has no ${name}()`),
  );
  assert.ok(checks.every(({ failed }) => failed === undefined));
});

test.run();
