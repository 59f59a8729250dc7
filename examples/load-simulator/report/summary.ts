// The result in one object, as `--json` prints it and the reports hold it, and in the lines that a person reads.

import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { Span } from '../disturbances.js';
import type { Latency } from '../meter.js';
import type { Settings } from '../settings.js';
import type { Outcome } from '../simulation.js';
import type { Verdict } from '../verdict.js';
import { count, time } from '../words.js';

export interface Summary {
  isSound: boolean;
  /** False: `--no-proof`. */
  hasProof: boolean;
  endedBy: Outcome['endedBy'];
  beganAt: string;
  sendingSeconds: number;
  wholeSeconds: number;
  verdict: Omit<Verdict, 'isSound'>;
  unfinished: string[];
  eventsPerSecond: { sent: number; acknowledged: number };
  latencyMicros: { ack: Latency | null; kafka: Latency | null; clockError: Latency | null };
  troubles: Span[];
  disturbances: Span[];
  connectFailures: Record<string, number>;
  simulator: Outcome['simulator'] & {
    /** Seconds in which it, and not the proxy, was the bottleneck. */
    bottleneckSeconds: number;
    ofSeconds: number;
    busiest: number;
  };
  proxy: { bytesPerDevice: number; cpuShare: number } | null;
  run: Record<string, unknown>;
  machine: Record<string, unknown>;
}

export function summaryOf(settings: Settings, outcome: Outcome): Summary {
  const { verdict, sendingMs, wholeMs, bottleneck, simulator, seconds, proxy } = outcome;
  const { isSound, ...counts } = verdict;
  const { acknowledged } = seconds.reduce(
    (all, second) => ({ acknowledged: all.acknowledged + second.acknowledged }),
    { acknowledged: 0 },
  );
  return {
    isSound: isSound && outcome.unfinished.length === 0,
    hasProof: outcome.proven !== null,
    endedBy: outcome.endedBy,
    beganAt: outcome.beganAt.toISOString(),
    sendingSeconds: seconds1(sendingMs),
    wholeSeconds: seconds1(wholeMs),
    verdict: counts,
    unfinished: outcome.unfinished,
    eventsPerSecond: {
      sent: Math.round((verdict.accepted / sendingMs) * 1000),
      acknowledged: Math.round((acknowledged / wholeMs) * 1000),
    },
    latencyMicros: { ack: outcome.ack, kafka: outcome.kafka, clockError: outcome.clockError },
    troubles: outcome.troubles,
    disturbances: outcome.disturbances,
    connectFailures: outcome.connectFailures,
    simulator: {
      ...simulator,
      bottleneckSeconds: bottleneck.seconds,
      ofSeconds: bottleneck.of,
      busiest: bottleneck.busiest,
    },
    proxy:
      proxy === null
        ? null
        : {
            bytesPerDevice:
              Math.max(0, proxy.after.memoryBytes - proxy.before.memoryBytes) / settings.devices,
            cpuShare: (proxy.after.cpuMs - proxy.before.cpuMs) / wholeMs,
          },
    run: runOf(settings),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      system: `${type()} ${release()}`,
      node: process.version,
    },
  };
}

function runOf(settings: Settings): Record<string, unknown> {
  const { proxy, proof, devices, rate, shape, workload, seed, disturbances, skewPpm } = settings;
  return {
    proxy: `${proxy.host}:${proxy.port}`,
    kafka: proof?.brokers.join(',') ?? null,
    topic: proof?.topic ?? null,
    ...{ devices, rate, shape, stream: workload.stream, trace: workload.trace ?? null, seed },
    with: disturbances.map(({ text }) => text),
    skewPpm,
    ...{ bufferBytes: settings.bufferBytes, lingerMs: settings.lingerMs },
  };
}

/** What is not 0, in the words of the summary. */
export function amissWords(verdict: Summary['verdict']): string[] {
  const words: [keyof Summary['verdict'], string][] = [
    ['lost', 'lost: not in Kafka, and not reported'],
    ['twice', 'in Kafka more than once'],
    ['outOfOrder', 'out of order'],
    ['invented', 'in Kafka, and never sent'],
    ['changed', 'with another value than was sent'],
    ['unreadable', 'without an identity that can be read'],
    ['unreported', 'refused by send(), and not reported'],
    ['contradicted', 'reported lost, and are not'],
    ['acknowledgedLost', 'acknowledged, and reported lost all the same'],
    ['deadLetters', 'dead letters: headwater dlq list says why'],
  ];
  return words
    .filter(([kind]) => Number(verdict[kind]) > 0)
    .map(([kind, text]) => `${count(Number(verdict[kind]))} ${text}`);
}

export function headline(summary: Summary): string {
  const { isSound, hasProof, verdict, unfinished } = summary;
  const { accepted, inKafka, reportedLost } = verdict;
  if (!hasProof) {
    return isSound
      ? `Acknowledged: all ${count(accepted)} accepted events. Not proven (--no-proof).`
      : `Not all acknowledged: ${count(verdict.waitingOnDevices)} of ${count(accepted)} events wait on devices.`;
  }
  const amiss = amissWords(verdict);
  if (isSound) {
    const once = verdict.repeats === 0 ? 'once' : 'at least once';
    const what = reportedLost === 0 ? `${once}, in order` : `${once}, in order, or reported lost`;
    return `Proven: every one of ${count(accepted)} accepted events is in Kafka ${what}.`;
  }
  if (amiss.length > 0) return `Amiss: ${amiss.join('; ')}.`;
  const waiting = verdict.waitingOnDevices + verdict.waitingInProxy;
  const ending =
    summary.endedBy === 'interrupted'
      ? ' The run was cut short.'
      : ' Nothing moved any more (--patience).';
  const why = unfinished.length === 0 ? '' : ending;
  return `Not proven: ${count(inKafka)} of ${count(accepted)} accepted events are in Kafka, ${count(waiting)} still wait.${why}`;
}

/** What the count comes to. */
export function sumText(verdict: Summary['verdict']): string {
  const { accepted, inKafka, reportedLost, unheard, waitingOnDevices, waitingInProxy } = verdict;
  const waiting = waitingOnDevices + waitingInProxy;
  return [
    `accepted ${count(accepted)} = in Kafka ${count(inKafka)}`,
    `reported lost ${count(reportedLost)}`,
    ...(unheard > 0 ? [`gone with the power, of boots that no one knows ${count(unheard)}`] : []),
    ...(waiting > 0
      ? [
          `still waiting ${count(waiting)} (${count(waitingOnDevices)} on devices, ${count(waitingInProxy)} in the proxy)`,
        ]
      : []),
    ...(verdict.lost > 0 ? [`lost ${count(verdict.lost)}`] : []),
  ].join(' + ');
}

export function summaryText(summary: Summary): string {
  const { verdict, unfinished, troubles, simulator, latencyMicros, eventsPerSecond } = summary;
  const lines = [
    headline(summary),
    ...(summary.hasProof ? [`  ${sumText(verdict)}`] : []),
    `  ${count(eventsPerSecond.sent)} events/s over ${summary.sendingSeconds} s`,
    ...(latencyMicros.ack === null ? [] : [`  send() to ACK: ${latencyText(latencyMicros.ack)}`]),
    ...(latencyMicros.kafka === null
      ? []
      : [`  send() to a consumer of Kafka: ${latencyText(latencyMicros.kafka)}`]),
    `  this simulator: ${Math.round(simulator.bytesPerDevice / 1024)} KiB a device, ${simulator.cpuMicrosPerEvent.toFixed(0)} µs of CPU an event`,
    ...(summary.proxy === null
      ? []
      : [
          `  the proxy: ${(summary.proxy.bytesPerDevice / 1024).toFixed(1)} KiB a device, ${(summary.proxy.cpuShare * 100).toFixed(1)} % of a core`,
        ]),
    ...unfinished.map((what) => `  waited in vain for ${what}`),
    ...troubles.map(
      ({ text, fromMs, toMs }) =>
        `  at ${seconds1(fromMs)} s, ${toMs === null ? 'to the end' : `for ${seconds1(toMs - fromMs)} s`}: ${text}`,
    ),
    ...(verdict.repeats > 0
      ? [`  ${count(verdict.repeats)} came again, as at-least-once may: a reader drops them`]
      : []),
    ...(verdict.others > 0
      ? [`  ${count(verdict.others)} records of other devices or of runs before were passed over`]
      : []),
    ...verdict.remarks.map((remark) => `  ${remark}`),
    ...bottleneckWords(simulator).map((text) => `  ${text}`),
  ];
  return lines.join('\n');
}

export function bottleneckWords({
  bottleneckSeconds,
  ofSeconds,
  busiest,
}: Summary['simulator']): string[] {
  if (bottleneckSeconds === 0) return [];
  return [
    `In ${bottleneckSeconds} of ${ofSeconds} seconds the simulator, not the proxy, was the bottleneck (its event loop ${Math.round(busiest * 100)} % busy at most): latencies of these seconds hold its own delay.`,
  ];
}

export function latencyText({ p50, p99, max }: Latency): string {
  return `p50 ${time(p50)}, p99 ${time(p99)}, max ${time(max)}`;
}

function seconds1(ms: number): number {
  return Math.round(ms / 100) / 10;
}
