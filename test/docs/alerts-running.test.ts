// examples/alerts.yaml against the page of a proxy that runs and to which nothing happened yet: each series that a rule asks for is there,
// and a rule of increase() fires on the first occurrence, after that page and before it, as on one of a process that was started again.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startProxy } from '../site/proxy-process.js';
import { makeSite } from '../site/site.js';
import { hasPromtool, readRules, testRules } from './rules.js';

interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Nobody listens on port 1: the lanes are there, and nothing befell them. */
async function pageOfRunning(): Promise<Series[]> {
  const site = await makeSite({ bootstrap: '127.0.0.1:1', label: 'alerts' });
  try {
    const proxy = await startProxy(site.config);
    const page = await fetch(`http://127.0.0.1:${proxy.httpPort}/metrics`);
    const text = await page.text();
    await proxy.kill();
    return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
      ([, name = '', labels, value]) => ({
        ...{ name, labels: labelsOf(labels), value: Number(value) },
      }),
    );
  } finally {
    await site.remove();
  }
}

const labelsOf = (text = '') =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, is]) => [key, is]));

/** As a rule writes it: name{label="is", label!="is not"}. */
function matches({ name, labels }: Series, wanted: string): boolean {
  const [, wantedName, matchers = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(wanted) ?? [];
  return (
    name === wantedName &&
    [...matchers.matchAll(/(\w+)(!?=)"([^"]*)"/g)].every(([, label = '', sign, value]) =>
      sign === '='
        ? labels[label] === value
        : labels[label] !== undefined && labels[label] !== value,
    )
  );
}

const asked = (expr: string) =>
  [...expr.matchAll(/\b(?:headwater|process)_\w+(?:\{[^}]*\})?/g)].map(([text]) => text);

const page = await pageOfRunning();

test('each series that a rule asks for is on the page of a proxy that has just begun', async () => {
  for (const { alert, expr } of await readRules()) {
    for (const wanted of asked(expr)) {
      assert.ok(
        page.some((series) => matches(series, wanted)),
        `${alert}: ${wanted}`,
      );
    }
  }
  const reasons = page.filter(({ name }) => name === 'headwater_site_events_lost_total');
  assert.equal(
    reasons.map(({ labels, value }) => `${labels.reason} ${value}`).sort(),
    ['damaged', 'overflow', 'perhaps-delivered', 'refused', 'tail-unknown', 'unknown'].map(
      (reason) => `${reason} 0`,
    ),
  );
});

/** For each rule of increase(): its series of the page with these values, and the alerts at minute 10, or none at minute 9. */
async function ruleTests(first: (value: number) => string, startedSeconds: number) {
  const counting = (await readRules()).filter(({ expr }) => expr.includes('increase('));
  return counting.map(({ alert, expr, labels, annotations }) => {
    const wanted = asked(expr)[0]!;
    const found = page.filter((series) => matches(series, wanted)).slice(0, 1);
    const at = (name: string, more: Record<string, string>) =>
      `${name}{${Object.entries({ ...more, instance: 'box' })
        .map(([key, is]) => `${key}="${is}"`)
        .join(', ')}}`;
    const exp_alerts = found.map((series) => {
      const summary = annotations.summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) =>
        label === 'instance' ? 'box' : (series.labels[label] ?? ''),
      );
      return {
        exp_labels: { ...labels, ...series.labels, instance: 'box' },
        exp_annotations: { ...annotations, summary },
      };
    });
    return {
      name: alert,
      interval: '1m',
      input_series: [
        ...found.map(({ name, labels: own, value }) => ({
          series: at(name, own),
          values: first(value),
        })),
        { series: at('process_start_time_seconds', {}), values: `${startedSeconds}x90` },
      ],
      alert_rule_test: [
        { eval_time: '9m', alertname: alert },
        { eval_time: '10m', alertname: alert, exp_alerts },
        { eval_time: '85m', alertname: alert },
      ],
    };
  });
}

const withPromtool = hasPromtool ? test : test.skip;

withPromtool('a first occurrence after that page fires', async () => {
  // More than what a rule lets pass; the process began long ago.
  const tests = await ruleTests((value) => `${value}x9 ${value + 30}x80`, -86_400);
  assert.ok(tests.length >= 4);
  for (const { input_series } of tests) assert.is(input_series.length, 2);
  assert.match(await testRules(tests), /SUCCESS/);
});

withPromtool('an occurrence before the first page of a process fires', async () => {
  const tests = await ruleTests((value) => `_x10 ${value + 1}x80`, 590);
  // Restarts of a lane are no loss: that rule counts many.
  const all = tests.filter(({ name }) => name !== 'HeadwaterLaneRestarts');
  assert.match(await testRules(all), /SUCCESS/);
});

test.run();
