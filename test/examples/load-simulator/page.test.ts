// The report's page: what it says of a run, that nothing of outside is executed, and that its script draws (on a stand-in for the browser).

import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Ledger } from '../../../examples/load-simulator/ledger.js';
import type { Second } from '../../../examples/load-simulator/meter.js';
import { page, type ReportContent } from '../../../examples/load-simulator/report/page.js';
import { summaryOf, summaryText } from '../../../examples/load-simulator/report/summary.js';
import { readSettings } from '../../../examples/load-simulator/settings.js';
import type { Outcome } from '../../../examples/load-simulator/simulation.js';
import { judge } from '../../../examples/load-simulator/verdict.js';

const test = suite('load simulator: report');
const latency = { p50: 900, p99: 12_300, max: 4_560_000 };

function second(at: number): Second {
  return {
    ...{ atMs: at * 1000, sent: 10, acknowledged: 9, inKafka: 8, onDevices: 1, inProxy: 1 },
    ...{ ack: at % 2 === 0 ? latency : null, kafka: latency, connected: 3, busy: 0.2, late: 900 },
    ...{ cpu: 0.1, proxyCpu: null, memoryBytes: 90e6, proxyMemoryBytes: null },
  };
}

async function content(ledger: Ledger, change: Partial<Outcome> = {}): Promise<ReportContent> {
  const settings = await readSettings({
    ...{ seed: '1', stream: 'simulated', name: 'sim-', linger: '1s', patience: '30s', proof: true },
    ...{ brokers: 'kafka:9092', prefix: 'hall.', with: ['cut:every=9s,for=1s'] },
  });
  const seconds = Array.from({ length: 60 }, (_, at) => second(at + 1));
  const outcome: Outcome = {
    ...{ endedBy: 'duration', beganAt: new Date(0), sendingMs: 58_000, wholeMs: 60_000 },
    ...{ verdict: judge(ledger), proven: { reader: 'read_committed' }, unfinished: [], seconds },
    disturbances: [{ kind: 'cut', text: 'link cut, all devices', fromMs: 9_000, toMs: 10_000 }],
    troubles: [{ kind: 'silent', text: '<b>silent</b>', fromMs: 20_000, toMs: null }],
    ...{ ack: latency, kafka: latency, clockError: latency, connectFailures: {} },
    bottleneck: { seconds: 2, of: 58, busiest: 0.97 },
    simulator: { cpuMs: 1, bytesPerDevice: 40_960, cpuMicrosPerEvent: 12 },
    proxy: null,
    ...change,
  };
  return { ...summaryOf(settings, outcome), seconds };
}

function ledgerOf(events: number, found: number): Ledger {
  const ledger = new Ledger({ mayRepeat: false });
  const pages = ledger.device('sim-1');
  const one = ledger.begin(pages);
  ledger.meet(['sim-1']);
  ledger.named(pages, one, 7);
  for (let seq = 0; seq < events; seq++) ledger.sent(one, true, seq, 0);
  ledger.acknowledged(one, events, 100);
  for (let seq = 0; seq < found; seq++) {
    ledger.found({ device: 0, boot: 7, seq, hash: 0, timestampMs: 0 }, 200);
  }
  return ledger;
}

test('a sound run says so, with its sum, its times and who was slow', async () => {
  const sound = await content(ledgerOf(2_000, 2_000));
  const text = summaryText(sound);
  assert.match(text, /^Proven: every one of 2,000 accepted events is in Kafka once, in order\.$/m);
  assert.match(text, /accepted 2,000 = in Kafka 2,000 \+ reported lost 0/);
  assert.match(text, /send\(\) to ACK: p50 900 µs, p99 12\.3 ms, max 4\.56 s/);
  assert.match(text, /In 2 of 58 seconds the simulator, not the proxy, was the bottleneck .*97 %/);
  assert.match(text, /at 20 s, to the end: /);
  const html = await page(sound);
  assert.match(html, /<h1 class="good">Proven: every one of 2,000/);
  assert.not.match(html, /<b>silent/);
  assert.match(html, /&lt;b&gt;silent/);
  assert.not.match(html, /<!--\w+-->/);
});

test('a run that was cut short is not proven, and says what waits where', async () => {
  const unfinished = ['Kafka: nothing moved for 30 s'];
  const short = await content(ledgerOf(10, 4), { unfinished });
  assert.not(short.isSound);
  const text = summaryText(short);
  assert.match(
    text,
    /^Not proven: 4 of 10 accepted events are in Kafka, 6 still wait\. Nothing moved any more/,
  );
  const cut = await content(ledgerOf(10, 4), { unfinished: ['Kafka'], endedBy: 'interrupted' });
  assert.match(summaryText(cut), /6 still wait\. The run was cut short\./);
  assert.match(text, /still waiting 6 \(0 on devices, 6 in the proxy\)/);
  assert.match(await page(short), /<h1 class="bad">Not proven/);
});

test('every plot is drawn, and drawn anew when the colours change', async () => {
  const html = await page(await content(ledgerOf(5, 5)));
  const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text!);
  const data = /<script id="data"[^>]*>([\s\S]*?)<\/script>/.exec(html)![1]!;
  assert.is(scripts.length, 2);
  const drawn: {
    hooks: Record<string, ((plot: unknown) => void)[]>;
    axes: { values: unknown }[];
  }[] = [];
  const context = new Proxy({}, { get: () => () => {}, set: () => true });
  const element = () => ({
    ...{ textContent: data, clientWidth: 1_000, append() {}, replaceChildren() {} },
  });
  let changed = () => {};
  runInNewContext(scripts[1]!, {
    document: { getElementById: element, createElement: element, documentElement: {} },
    getComputedStyle: () => ({ getPropertyValue: () => ' #123456' }),
    matchMedia: () => ({
      addEventListener(_name: string, act: () => void) {
        changed = act;
      },
    }),
    addEventListener() {},
    uPlot: class {
      constructor(options: (typeof drawn)[0], columns: unknown[][]) {
        for (const column of columns) assert.is(column.length, 60);
        for (const hook of Object.values(options.hooks).flat()) {
          hook({ ctx: context, bbox: { left: 0, top: 0, width: 9, height: 9 }, valToPos: () => 1 });
        }
        drawn.push(options);
      }
    },
  });
  // Faults, events, backlog, both latencies, devices, CPU, memory.
  assert.is(drawn.length, 8);
  changed();
  assert.is(drawn.length, 16);
});

test.run();
