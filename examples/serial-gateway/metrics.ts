import type { Lines } from 'headwater/lines';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Bridge, Traffic } from './bridge.js';
import type { Meters } from './meters.js';

// /metrics of a gateway: its connection, its lines, and what it dropped. Read from their owners when somebody asks.

export interface MetricsSources {
  bridge: Bridge;
  connection: { readonly isUp: boolean };
  lines: Lines;
  meters: Meters | null;
  counts(): ReadonlyMap<string, number>;
}

export function createMetrics({ bridge, connection, lines, meters, counts }: MetricsSources) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    ...{ name: 'headwater_gateway_connected', help: '1: to the proxy', registers },
    collect() {
      this.set(Number(connection.isUp));
    },
  });
  new Gauge({
    ...{ name: 'headwater_gateway_waiting_bytes', help: 'frames for the proxy', registers },
    collect() {
      this.set(bridge.waitingBytes);
    },
  });
  new Gauge({
    ...{ name: 'headwater_line_open', help: '1: the serial line is open', registers },
    labelNames: ['path'],
    collect() {
      this.reset();
      for (const [path, state] of lines.states()) this.set({ path }, Number(state === 'open'));
    },
  });
  const both: [string, ReadonlyMap<string, Traffic>][] = [
    ['to_proxy', bridge.toProxy],
    ['to_line', bridge.toLine],
  ];
  for (const unit of ['frames', 'bytes'] as const) {
    new Counter({
      ...{ name: `headwater_line_${unit}_total`, help: `${unit} of frames bridged`, registers },
      labelNames: ['path', 'way'],
      collect() {
        this.reset();
        for (const [way, traffic] of both) {
          for (const [path, sum] of traffic) this.inc({ path, way }, sum[unit]);
        }
      },
    });
  }
  new Counter({
    ...{ name: 'headwater_outcomes_total', help: 'what came and was not passed on', registers },
    labelNames: ['kind'],
    collect() {
      this.reset();
      for (const [kind, count] of counts()) this.inc({ kind }, count);
    },
  });
  if (meters !== null) addMeters(meters, registers);
  return async () => ({ contentType: registry.contentType, text: await registry.metrics() });
}

function addMeters(meters: Meters, registers: Registry[]): void {
  new Counter({
    ...{ name: 'headwater_modbus_reads_total', help: 'of a meter: an event, or why none' },
    ...{ labelNames: ['device', 'result'], registers },
    collect() {
      this.reset();
      for (const { settings, reads } of meters.all) {
        const { device } = settings;
        for (const [result, count] of reads) this.inc({ device, result }, count);
      }
    },
  });
  new Gauge({
    ...{ name: 'headwater_modbus_waiting_events', help: 'of this run, not acknowledged yet' },
    ...{ labelNames: ['device'], registers },
    collect() {
      this.reset();
      for (const meter of meters.all) {
        this.set({ device: meter.settings.device }, meter.stats().buffered);
      }
    },
  });
  new Counter({
    ...{ name: 'headwater_modbus_dropped_events_total', help: 'given up for a full store' },
    ...{ labelNames: ['device'], registers },
    collect() {
      this.reset();
      for (const meter of meters.all) {
        this.inc({ device: meter.settings.device }, meter.stats().dropped);
      }
    },
  });
}
