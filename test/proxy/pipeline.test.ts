// The proxy's half joined, with lanes of a test's own: what a site with several of them does that one has not.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../proxy/clock.js';
import { readConfig } from '../../proxy/config.js';
import { nodeDisk } from '../../proxy/disk-node.js';
import type { Lane, LaneEnd, LaneStart } from '../../proxy/kafka/lane-types.js';
import { type Pipeline, startPipeline } from '../../proxy/pipeline.js';
import { startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

/** Flows, brings nothing into Kafka, and ends when it is told to. */
function idleLane({ on }: LaneStart) {
  let end = (_: LaneEnd) => {};
  const done = new Promise<LaneEnd>((resolve) => {
    end = resolve;
  });
  const lane: Lane & { end(how: LaneEnd): void } = {
    state: 'flowing',
    done,
    syncedEnd() {},
    stop: async () => end('stopped'),
    end(how) {
      Object.assign(lane, { state: how });
      end(how);
    },
  };
  queueMicrotask(() => on({ kind: 'state', state: 'flowing' }));
  return lane;
}

async function start(site: Site, lanes: ReturnType<typeof idleLane>[]): Promise<Pipeline> {
  return startPipeline({
    config: await readConfig(site.config),
    ...{ clock: systemClock(), disk: nodeDisk(), host: 'test' },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    startLane(options) {
      const lane = idleLane(options);
      lanes.push(lane);
      return lane;
    },
  });
}

test('where one lane may not go on, a stop waits for none of the others', async () => {
  const kafka = { brokers: ['127.0.0.1:1'], lanes: 2 };
  const overrides = { kafka, limits: { drainTimeoutMs: 600_000 } };
  const site = await makeSite({ bootstrap: null, label: 'halted', overrides });
  const lanes: ReturnType<typeof idleLane>[] = [];
  const pipeline = await start(site, lanes);
  const sensor = await startSensor({ port: pipeline.tcpPort! });
  try {
    await until(() => sensor.acknowledged() > 5);
    assert.is(lanes.length, 2);
    lanes[1]!.end('fenced');
    assert.match((await pipeline.halted).message, 'lane 1 may not go on');
    let isStopped = false;
    void pipeline.stop().then(() => {
      isStopped = true;
    });
    await until(() => isStopped);
  } finally {
    sensor.stop();
    await site.remove();
  }
});

test.run();
