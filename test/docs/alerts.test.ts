// examples/alerts.yaml: promtool takes the rules, and each fires when it should, with its words, and not a minute before; none on a sound site.
// promtool comes with Prometheus (apt-get install prometheus, or go install github.com/prometheus/prometheus/cmd/promtool@latest).

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noKeys } from '../../proxy/auth/auth.js';
import { createBooks } from '../../proxy/books.js';
import { createDamageNotes } from '../../proxy/damage-notes.js';
import { watchFlow } from '../../proxy/flow.js';
import { createMetrics } from '../../proxy/http/metrics.js';
import { projectFolder } from '../kafka/jars.js';
import { site } from '../proxy/talk.js';
import { file, hasPromtool, promtool, readRules, testRules } from './rules.js';

const minutes = 90;
const box = 'instance="box"';

/** A value a minute. */
type Series = Record<string, number[]>;

interface Case {
  /** The sound site's series that are otherwise, and ones more. */
  series: Series;
  /** The first minute in which it fires. */
  at: number;
  /** Beside the instance and what the rule says. */
  labels?: Record<string, string>;
  summary: string;
}

const still = (value: number) => Array.from({ length: minutes }, () => value);
const growing = (step: number) => Array.from({ length: minutes }, (_, at) => at * step);
/** Another value from this minute on. */
const from = (at: number, before: number, value: number) => [
  ...still(before).slice(0, at),
  ...still(value).slice(at),
];
const ofLane = (what: string) => `headwater_lane_events_total{${box}, lane="0", what="${what}"}`;
const fsync = (le: string) => `headwater_fsync_seconds_bucket{${box}, le="${le}"}`;
const lost = (reason: string) => `headwater_site_events_lost_total{${box}, reason="${reason}"}`;
const begun = `process_start_time_seconds{${box}}`;
const lane = { lane: '0' };

const sound: Series = {
  [`up{job="headwater", ${box}}`]: still(1),
  [`headwater_journal_writable{${box}}`]: still(1),
  [`headwater_hours_until_full{${box}}`]: still(Number.POSITIVE_INFINITY),
  [`headwater_disk_free_bytes{${box}}`]: still(4e9),
  [`headwater_lane_flowing{${box}, lane="0"}`]: still(1),
  [`headwater_oldest_uncommitted_seconds{${box}}`]: still(0.2),
  [fsync('0.25')]: growing(100),
  [fsync('0.5')]: growing(100),
  [fsync('+Inf')]: growing(100),
  [`headwater_journal_damaged{${box}}`]: still(0),
  [`headwater_keys_stale{${box}}`]: still(0),
  [ofLane('restarts')]: from(30, 0, 3),
  [ofLane('dead-letters')]: still(5),
  [ofLane('kafka-lost')]: still(1),
  [lost('overflow')]: still(7),
  [begun]: still(-86_400),
  [lost('tail-unknown')]: growing(1),
};

const cases: Record<string, Case> = {
  HeadwaterDown: {
    series: { [`up{job="headwater", ${box}}`]: from(10, 1, 0) },
    at: 12,
    labels: { job: 'headwater' },
    summary: 'box: the proxy does not answer',
  },
  HeadwaterJournalTakesNothing: {
    series: { [`headwater_journal_writable{${box}}`]: from(10, 1, 0) },
    at: 11,
    summary: 'box: the journal takes no events',
  },
  HeadwaterJournalFullSoon: {
    series: { [`headwater_hours_until_full{${box}}`]: from(10, Number.POSITIVE_INFINITY, 3.5) },
    at: 20,
    summary: 'box: the journal is full in 3.5 h',
  },
  HeadwaterDiskAlmostFull: {
    series: { [`headwater_disk_free_bytes{${box}}`]: from(10, 4e9, 256 * 1024 * 1024) },
    at: 20,
    summary: "box: 256MiB are left on the journal's disk",
  },
  HeadwaterNotDelivering: {
    series: { [`headwater_lane_flowing{${box}, lane="0"}`]: from(10, 1, 0) },
    at: 15,
    labels: lane,
    summary: 'box: lane 0 does not deliver',
  },
  HeadwaterEventsWaitLong: {
    series: { [`headwater_oldest_uncommitted_seconds{${box}}`]: from(10, 0, 7200) },
    at: 15,
    summary: 'box: an event has waited for Kafka for 2h 0m 0s',
  },
  HeadwaterSlowDisk: {
    series: { [fsync('0.25')]: still(0), [fsync('0.5')]: growing(100) },
    at: 11,
    summary: 'box: one fsync in a hundred takes 497.5ms',
  },
  HeadwaterJournalDamaged: {
    series: { [`headwater_journal_damaged{${box}}`]: from(10, 0, 2) },
    at: 10,
    summary: 'box: 2 damaged places in the journal',
  },
  HeadwaterKeysStale: {
    series: { [`headwater_keys_stale{${box}}`]: from(10, 0, 1) },
    at: 11,
    summary: "box: the registry of devices' keys can't be read",
  },
  HeadwaterDeadLetters: {
    series: { [ofLane('dead-letters')]: from(10, 5, 14) },
    at: 10,
    labels: { ...lane, what: 'dead-letters' },
    summary: 'box: records became dead letters',
  },
  HeadwaterKafkaLostData: {
    series: { [ofLane('kafka-lost')]: from(10, 1, 2) },
    at: 10,
    labels: { ...lane, what: 'kafka-lost' },
    summary: 'box: Kafka forgot what it had confirmed',
  },
  HeadwaterEventsLost: {
    series: { [lost('overflow')]: from(70, 7, 66) },
    at: 70,
    labels: { reason: 'overflow' },
    summary: 'box: events were lost before the proxy (overflow)',
  },
  HeadwaterLaneRestarts: {
    series: { [ofLane('restarts')]: from(10, 0, 36) },
    at: 10,
    labels: { ...lane, what: 'restarts' },
    summary: 'box: lane 0 is started again and again',
  },
};

function inputs(series: Series) {
  return Object.entries(series).map(([name, values]) => {
    const text = values.map((value) => (value === Number.POSITIVE_INFINITY ? 'Inf' : `${value}`));
    return { series: name, values: text.join(' ') };
  });
}

const withPromtool = hasPromtool ? test : test.skip;

withPromtool('promtool takes the rules', async () => {
  assert.match((await promtool('check', 'rules', file)) ?? '', /SUCCESS: \d+ rules found/);
});

withPromtool('each fires when it should, and none on a sound site', async () => {
  const rules = await readRules();
  const nothing = rules.map(({ alert }) => ({ eval_time: '80m', alertname: alert }));
  const tests = rules.map(({ alert, labels, annotations }) => {
    const { series, at, labels: more = {}, summary } = cases[alert]!;
    const expected = {
      exp_labels: { ...labels, instance: 'box', ...more },
      exp_annotations: { ...annotations, summary },
    };
    return {
      name: alert,
      interval: '1m',
      input_series: inputs({ ...sound, ...series }),
      alert_rule_test: [
        { eval_time: `${at - 1}m`, alertname: alert },
        { eval_time: `${at}m`, alertname: alert, exp_alerts: [expected] },
      ],
    };
  });
  const quiet = {
    name: 'a sound site',
    ...{ interval: '1m', input_series: inputs(sound), alert_rule_test: nothing },
  };
  assert.match(await testRules([quiet, ...tests]), /SUCCESS/);
});

test('each rule has its case, what it means and what to do', async () => {
  const rules = await readRules();
  assert.equal(rules.map(({ alert }) => alert).sort(), Object.keys(cases).sort());
  for (const { alert, annotations, labels } of rules) {
    for (const words of [annotations.summary, annotations.means, annotations.do]) {
      assert.ok(words.length > 20, alert);
    }
    assert.ok(['critical', 'warning'].includes(labels.severity ?? ''), alert);
  }
});

/** The help of each metric, on a page of a proxy on which nothing happened yet. */
async function exported(): Promise<Map<string, string>> {
  const { clock, journal, outcomes, sessions } = site();
  const books = createBooks();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const flow = watchFlow({ journal, books, clock, log, ages: [] });
  const metrics = createMetrics({
    ...{ journal, books, outcomes, sessions, flow, lanes: [], damage: createDamageNotes(log) },
    ...{ listeners: { channels: 0, lines: () => new Map() }, freeBytes: async () => 0 },
    ...{ modes: { ack: 'journal', delivery: 'exactly-once' }, keys: noKeys },
  });
  const { text } = await metrics.page();
  const helps = text.matchAll(/^# HELP (headwater_\w+) (.+)$/gm);
  return new Map([...helps].map(([, name = '', help = '']) => [name, help]));
}

test('rules and the table in docs/OPERATIONS.md name metrics that there are, and the table all of them', async () => {
  const names = await exported();
  for (const { alert, expr } of await readRules()) {
    for (const [used] of expr.matchAll(/headwater_\w+/g)) {
      assert.ok(names.has(used.replace(/_bucket$/, '')), `${alert}: ${used}`);
    }
  }
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(headwater_\w+)/gm)].map(([, name = '']) => name);
  assert.equal([...rows].sort(), [...names.keys()].sort());
  for (const alert of Object.keys(cases)) assert.match(page, `\`${alert}\``);
});

test('what was dropped is what damage took: /metrics and docs/OPERATIONS.md say the same', async () => {
  const said = 'events that damage took from the journal';
  assert.is((await exported()).get('headwater_events_dropped_total'), said);
  const page = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  assert.match(page, new RegExp(`^\\| .headwater_events_dropped_total. .* ${said};`, 'm'));
});

test.run();
