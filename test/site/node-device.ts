// A device on Node, a process of its own: the SDK over Node's own TLS socket, with a certificate that is read anew for each connection. It sends
// until its standard input ends, says each event that was taken on standard output, and at its end whether all of it was acknowledged.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { flush } from '../../sdk/flush.js';
import { fixed, producer, stream } from '../../sdk/index.js';
import { nodeStream } from '../../sdk/links/node-stream.js';
import { stats } from '../../sdk/stats.js';

interface DeviceOptions {
  device: string;
  port: number;
  /** Files. */
  ca: string;
  certificate: string;
  key: string;
}

export interface NodeDevice {
  device: string;
  /** seq → the value as JSON. */
  sent: Map<number, string>;
  acknowledged(): number;
  /** Sends no more; whether all of it was acknowledged. */
  finish(): Promise<boolean>;
  stop(): void;
}

type Said =
  | { seq: number; value: string; acknowledged: number }
  | { acknowledged: number }
  | { asleep: boolean };

export function startNodeDevice(options: DeviceOptions): NodeDevice {
  const file = fileURLToPath(import.meta.url);
  const child: ChildProcess = spawn(process.execPath, [file, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const guard = () => child.kill('SIGKILL');
  process.once('exit', guard);
  child.once('exit', () => process.removeListener('exit', guard));
  const sent = new Map<number, string>();
  let acknowledged = 0;
  const asleep = new Promise<boolean>((resolve) => {
    child.once('exit', () => resolve(false));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = JSON.parse(line) as Said;
      if ('seq' in said) sent.set(said.seq, said.value);
      if ('acknowledged' in said) acknowledged = said.acknowledged;
      if ('asleep' in said) resolve(said.asleep);
    });
  });
  return {
    ...{ device: options.device, sent, acknowledged: () => acknowledged },
    finish() {
      child.stdin?.end();
      return asleep;
    },
    stop: () => child.kill('SIGKILL'),
  };
}

function run({ device, port, ca, certificate, key }: DeviceOptions): void {
  const say = (said: Said) => process.stdout.write(`${JSON.stringify(said)}\n`);
  const read = (file: string) => readFileSync(file, 'utf8');
  const link = nodeStream(() =>
    connect({ port, host: '127.0.0.1', ca: read(ca), cert: read(certificate), key: read(key) }),
  );
  const climate = stream('climate', { t: fixed(2), rh: fixed(2) });
  const hw = producer({ device, link, bufferBytes: 65_536, lingerMs: 50, retryBackoffMs: 100 });
  let seq = 0;
  const timer = setInterval(() => {
    const value = { t: (seq % 1_000) / 100, rh: 40 };
    const isTaken = hw.send(climate, value) !== false;
    const { acknowledged } = stats();
    say(isTaken ? { seq, value: JSON.stringify(value), acknowledged } : { acknowledged });
    seq++;
  }, 20);
  process.stdin.resume().on('end', () => {
    clearInterval(timer);
    flush((isAll) => {
      say({ asleep: isAll });
      process.exit();
    }, 60_000);
  });
}

const [, program, given] = process.argv;
if (program === fileURLToPath(import.meta.url) && given !== undefined) run(JSON.parse(given));
