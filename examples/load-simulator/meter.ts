// The run by the second: what came where, how long it took, and whether it was the simulator that was slow.

import { readFile } from 'node:fs/promises';
import {
  createHistogram,
  type EventLoopUtilization,
  type RecordableHistogram,
} from 'node:perf_hooks';
import type { Ledger, Totals } from './ledger.js';
import type { Scheduler } from './scheduler.js';

export interface Latency {
  p50: number;
  p99: number;
  max: number;
}

/** Rates are per second, latencies µs; null: there was none. */
export interface Second {
  atMs: number;
  sent: number;
  acknowledged: number;
  inKafka: number;
  /** Accepted, and not acknowledged. */
  onDevices: number;
  /** Acknowledged, and neither in Kafka nor reported lost. */
  inProxy: number;
  ack: Latency | null;
  kafka: Latency | null;
  connected: number;
  /** Of this process's event loop, 0 to 1. */
  busy: number;
  /** How late the devices' timers ran, µs at p99. */
  late: number;
  /** Shares of a core. */
  cpu: number;
  proxyCpu: number | null;
  memoryBytes: number;
  proxyMemoryBytes: number | null;
}

/** A second in which so much of it, or so late, is one in which the simulator was the bottleneck. */
const busyMax = 0.85;
const lateMaxMicros = 100_000;
const busyMin = 0.5;

export class Meter {
  readonly seconds: Second[] = [];
  readonly ackTimes = createHistogram();
  readonly kafkaTimes = createHistogram();
  readonly #ledger: Ledger;
  readonly #scheduler: Scheduler;
  readonly #beganMs: number;
  readonly #connected: () => number;
  readonly #proxyPid: number | null;
  #before: Totals;
  #beforeMs: number;
  #loop: EventLoopUtilization;
  #cpu = process.cpuUsage();
  #proxyCpuMs: number | null = null;
  readonly proxyFirst: Promise<ProcessUse | null>;

  constructor(options: {
    ledger: Ledger;
    scheduler: Scheduler;
    beganMs: number;
    connected(): number;
    proxyPid: number | null;
  }) {
    this.#ledger = options.ledger;
    this.#scheduler = options.scheduler;
    this.#beganMs = options.beganMs;
    this.#connected = options.connected;
    this.#proxyPid = options.proxyPid;
    this.#before = { ...options.ledger.totals };
    this.#beforeMs = performance.now();
    this.#loop = performance.eventLoopUtilization();
    this.proxyFirst = useOf(options.proxyPid);
  }

  async tick(): Promise<Second> {
    const { totals, ackTimes, kafkaTimes } = this.#ledger;
    const nowMs = performance.now();
    const seconds = (nowMs - this.#beforeMs) / 1000;
    const before = this.#before;
    const loop = performance.eventLoopUtilization(this.#loop);
    const cpu = process.cpuUsage(this.#cpu);
    const perSecond = (name: keyof Totals) => Math.round((totals[name] - before[name]) / seconds);
    const second: Second = {
      atMs: Math.round(nowMs - this.#beganMs),
      sent: perSecond('accepted'),
      acknowledged: perSecond('acknowledged'),
      inKafka: perSecond('inKafka'),
      onDevices: this.#ledger.onDevices,
      inProxy: this.#ledger.inProxy,
      ack: drained(ackTimes, this.ackTimes),
      kafka: drained(kafkaTimes, this.kafkaTimes),
      connected: this.#connected(),
      busy: loop.utilization,
      late: this.#scheduler.lateness.percentile(99),
      cpu: (cpu.user + cpu.system) / 1e6 / seconds,
      proxyCpu: null,
      memoryBytes: process.memoryUsage.rss(),
      proxyMemoryBytes: null,
    };
    this.#scheduler.lateness.reset();
    this.#before = { ...totals };
    this.#beforeMs = nowMs;
    this.#loop = performance.eventLoopUtilization();
    this.#cpu = process.cpuUsage();
    this.seconds.push(second);
    const proxy = await useOf(this.#proxyPid);
    if (proxy !== null) {
      if (this.#proxyCpuMs !== null)
        second.proxyCpu = (proxy.cpuMs - this.#proxyCpuMs) / 1000 / seconds;
      this.#proxyCpuMs = proxy.cpuMs;
      second.proxyMemoryBytes = proxy.memoryBytes;
    }
    return second;
  }

  /** Of the seconds in which it sent: those in which the simulator could not keep up. */
  bottleneck(fromMs: number, untilMs: number): { seconds: number; of: number; busiest: number } {
    const sending = this.seconds.filter(({ atMs }) => atMs > fromMs && atMs <= untilMs + 1_000);
    const slow = sending.filter(
      ({ busy, late }) => busy > busyMax || (busy > busyMin && late > lateMaxMicros),
    );
    const busiest = sending.reduce((most, { busy }) => Math.max(most, busy), 0);
    return { seconds: slow.length, of: sending.length, busiest };
  }
}

export function latency(histogram: RecordableHistogram): Latency | null {
  if (histogram.count === 0) return null;
  return { p50: histogram.percentile(50), p99: histogram.percentile(99), max: histogram.max };
}

/** Adds a second's to all, and begins it anew. */
function drained(histogram: RecordableHistogram, all: RecordableHistogram): Latency | null {
  const found = latency(histogram);
  if (found !== null) all.add(histogram);
  histogram.reset();
  return found;
}

export interface ProcessUse {
  cpuMs: number;
  memoryBytes: number;
}

/** From /proc, so on Linux only. */
export async function useOf(pid: number | null): Promise<ProcessUse | null> {
  if (pid === null) return null;
  try {
    const [stat, rollup] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime and stime, in hundredths of a second.
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
    const kilobytes = Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    return { cpuMs, memoryBytes: kilobytes * 1024 };
  } catch {
    return null;
  }
}
