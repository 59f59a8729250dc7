// The report as one page that needs nothing else: template, style, script and uPlot are put into it. What came from outside is escaped.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Span } from '../disturbances.js';
import type { Second } from '../meter.js';
import { count, time } from '../words.js';
import { amissWords, bottleneckWords, headline, type Summary, sumText } from './summary.js';

export type ReportContent = Summary & { seconds: Second[] };

const source = new URL('../../../../examples/load-simulator/report/', import.meta.url);

export async function page(content: ReportContent): Promise<string> {
  const require = createRequire(import.meta.url);
  const uplot = (name: string) => readFile(require.resolve(`uplot/${name}`), 'utf8');
  const [template, style, script, plotter, plotterStyle, plotterPackage] = await Promise.all([
    ...['page.html', 'page.css', 'plots.js'].map((name) => readFile(new URL(name, source), 'utf8')),
    ...['dist/uPlot.iife.min.js', 'dist/uPlot.min.css', 'package.json'].map(uplot),
  ]);
  const title = `headwater simulate: ${content.isSound ? 'sound' : 'not sound'}`;
  const state = content.isSound ? 'good' : 'bad';
  const sum = content.hasProof ? `<p class="sum">${escaped(sumText(content.verdict))}</p>` : '';
  const notes = [
    ...content.unfinished.map((what) => `Waited in vain for ${what}.`),
    ...bottleneckWords(content.simulator),
  ];
  // No text of ours may end the element.
  const data = JSON.stringify(plotData(content)).replaceAll('<', '\\u003c');
  const parts: Record<string, string> = {
    head: `<title>${escaped(title)}</title><style>${plotterStyle}\n${style}</style>`,
    header: `<header><p class="kind">headwater simulate · ${escaped(content.beganAt)}</p><h1 class="${state}">${escaped(headline(content))}</h1>${sum}</header>`,
    tiles: tiles(content).join(''),
    notes: notes.map((text) => `<p class="note">${escaped(text)}</p>`).join(''),
    amiss: amiss(content),
    events: happenings(content),
    run: rows(content.run),
    machine: rows({ ...content.machine, ...simulatorRows(content) }),
    uplotVersion: JSON.parse(plotterPackage!).version,
    scripts: `<script id="data" type="application/json">${data}</script><script>${plotter}</script><script>${script}</script>`,
  };
  return template!.replace(/<!--(\w+)-->/g, (_all, name: string) => parts[name] ?? '');
}

function tiles({
  verdict,
  latencyMicros,
  eventsPerSecond,
  sendingSeconds,
  run,
}: Summary): string[] {
  const { ack, kafka, clockError } = latencyMicros;
  const times = (found: typeof ack) =>
    found === null
      ? ['–', '']
      : [time(found.p50), `p99 ${time(found.p99)}, max ${time(found.max)}`];
  const list: [string, string, string][] = [
    ['Accepted by send()', count(verdict.accepted), `${count(Number(run.devices))} devices`],
    [
      'In Kafka',
      count(verdict.inKafka),
      verdict.repeats > 0 ? `${count(verdict.repeats)} repeats` : '',
    ],
    [
      'Reported lost',
      count(verdict.reportedLost),
      verdict.unheard > 0 ? `${count(verdict.unheard)} more, unheard of` : '',
    ],
    ['Sent', `${count(eventsPerSecond.sent)}/s`, `over ${sendingSeconds} s`],
    ['send() to ACK, p50', times(ack)[0]!, times(ack)[1]!],
    ['send() to Kafka, p50', times(kafka)[0]!, times(kafka)[1]!],
    ['Time of events off by, p50', times(clockError)[0]!, times(clockError)[1]!],
  ];
  return list.map(
    ([name, value, more]) =>
      `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}<small>${escaped(more)}</small></dd></div>`,
  );
}

function amiss({ verdict }: Summary): string {
  const lines = [...amissWords(verdict), ...verdict.remarks];
  if (lines.length === 0) return '';
  const items = lines.map((line) => `<li>${escaped(line)}</li>`).join('');
  return `<section class="card amiss"><h2>Amiss</h2><ul>${items}</ul></section>`;
}

function happenings({ troubles, disturbances }: Summary): string {
  const row = (isTrouble: boolean) => (span: Span) => ({ ...span, isTrouble });
  const all = [...troubles.map(row(true)), ...disturbances.map(row(false))].sort(
    (one, other) => one.fromMs - other.fromMs,
  );
  if (all.length === 0) return '';
  const cells = all.map(({ fromMs, toMs, text, isTrouble }) => {
    const length = toMs === null ? 'to the end' : `${((toMs - fromMs) / 1000).toFixed(1)} s`;
    return `<tr${isTrouble ? ' class="trouble"' : ''}><td class="time">${clock(fromMs)}</td><td class="time">${length}</td><td>${escaped(text)}</td></tr>`;
  });
  const many = `${count(troubles.length)} troubles of the proxy, ${count(disturbances.length)} faults of the simulator's making`;
  return `<details class="card happened"${all.length <= 12 || troubles.length > 0 ? ' open' : ''}><summary>What happened: ${many}</summary><table>${cells.join('')}</table></details>`;
}

function simulatorRows({ simulator, proxy }: Summary): Record<string, unknown> {
  const kibibytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
  return {
    'simulator, a device': kibibytes(simulator.bytesPerDevice),
    'simulator, an event': `${simulator.cpuMicrosPerEvent.toFixed(1)} µs of CPU`,
    'event loop, at most': `${Math.round(simulator.busiest * 100)} % busy`,
    ...(proxy === null
      ? {}
      : {
          'proxy, a device': kibibytes(proxy.bytesPerDevice),
          'proxy, CPU': `${(proxy.cpuShare * 100).toFixed(1)} % of a core`,
        }),
  };
}

function rows(values: Record<string, unknown>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => {
      const text = Array.isArray(value)
        ? value.join('\n')
        : typeof value === 'number'
          ? count(value)
          : String(value);
      return `<tr><th>${escaped(name)}</th><td>${escaped(text).replaceAll('\n', '<br>')}</td></tr>`;
    })
    .join('');
}

/** By column, and no more digits than a pixel shows. */
function plotData({ seconds, troubles, disturbances, wholeSeconds }: ReportContent) {
  const column = (of: (second: Second) => number | null) =>
    seconds.map((second) => {
      const value = of(second);
      return value === null ? null : Number(value.toPrecision(5));
    });
  const milliseconds = (micros: number | undefined) =>
    micros === undefined ? null : micros / 1000;
  const spans = (all: Span[], isTrouble: boolean) =>
    all.map(({ kind, fromMs, toMs }) => ({
      ...{ lane: kind, from: fromMs / 1000, to: (toMs ?? wholeSeconds * 1000) / 1000, isTrouble },
    }));
  return {
    spans: [...spans(disturbances, false), ...spans(troubles, true)],
    seconds: {
      at: seconds.map(({ atMs }) => Math.round(atMs / 100) / 10),
      sent: column(({ sent }) => sent),
      acknowledged: column(({ acknowledged }) => acknowledged),
      inKafka: column(({ inKafka }) => inKafka),
      onDevices: column(({ onDevices }) => onDevices),
      inProxy: column(({ inProxy }) => inProxy),
      ackP50: column(({ ack }) => milliseconds(ack?.p50)),
      ackP99: column(({ ack }) => milliseconds(ack?.p99)),
      ackMax: column(({ ack }) => milliseconds(ack?.max)),
      kafkaP50: column(({ kafka }) => milliseconds(kafka?.p50)),
      kafkaP99: column(({ kafka }) => milliseconds(kafka?.p99)),
      kafkaMax: column(({ kafka }) => milliseconds(kafka?.max)),
      connected: column(({ connected }) => connected),
      cpu: column(({ cpu }) => cpu),
      busy: column(({ busy }) => busy),
      proxyCpu: column(({ proxyCpu }) => proxyCpu),
      memory: column(({ memoryBytes }) => memoryBytes),
      proxyMemory: column(({ proxyMemoryBytes }) => proxyMemoryBytes),
    },
  };
}

function clock(ms: number): string {
  const seconds = ms / 1000;
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
