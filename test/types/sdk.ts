import { flush } from '../../sdk/flush.js';
import {
  bool,
  bytes,
  fixed,
  float,
  int,
  type Link,
  producer,
  stream,
  text,
  uint,
} from '../../sdk/index.js';
import { priority } from '../../sdk/priority.js';
import { aggregate } from '../../sdk/reducers/aggregate.js';
import { deadband } from '../../sdk/reducers/deadband.js';
import { sample, sampleRandom } from '../../sdk/reducers/sample.js';
import { throttle } from '../../sdk/reducers/throttle.js';
import { hmacSha256, sha256 } from '../../sdk/sha256.js';
import { stats } from '../../sdk/stats.js';
import { keepHighest } from '../../sdk/stores/keep-highest.js';
import { keepOldest } from '../../sdk/stores/keep-oldest.js';
import { ram } from '../../sdk/stores/ram.js';
import { sendUndeclared } from '../../sdk/undeclared.js';

// tsc is the test: where one of these mistakes compiles, its @ts-expect-error is an error, and so is a right use that does not. Nothing
// here runs.

declare const link: Link;

export function rightUses(): void {
  const climate = stream('climate', { t: fixed(1), rh: uint });
  const all = stream('all', { i: int, b: bool, x: float, s: text, r: bytes });
  const alarm = stream('alarm', {});
  const hw = producer({
    ...{ device: 'press-07', link, bufferBytes: 1024, store: keepOldest(ram(768)), lingerMs: 100 },
    ...{ ackTimeoutMs: 1000, retryBackoffMs: 100, flags: 2 },
  });
  const taken: 'ram' | 'flash' | false = hw.send(climate, { t: 21.5, rh: 40 });
  hw.send(climate, { t: null, rh: null });
  hw.send(all, { i: -1, b: true, x: 0.5, s: 'x', r: Uint8Array.of(1) });
  hw.send(alarm, {});
  flush((safe: boolean) => void safe);
  flush(() => {}, 1000);
  const boot: number | null = stats().boot;
  sendUndeclared('note', { a: [1, null, 'x', true, new Uint8Array(1)] });
  void [taken, boot];
}

export function wrongFields(): void {
  const climate = stream('climate', { t: fixed(1), rh: uint });
  const all = stream('all', { b: bool, s: text, r: bytes });
  const hw = producer({ device: 'press-07', link });
  // @ts-expect-error a field that is not declared
  hw.send(climate, { t: 21.5, rh: 40, hr: 40 });
  // @ts-expect-error a misspelt field
  hw.send(climate, { t: 21.5, hr: 40 });
  // @ts-expect-error a missing field
  hw.send(climate, { t: 21.5 });
  // @ts-expect-error undefined is not null
  hw.send(climate, { t: 21.5, rh: undefined });
  // @ts-expect-error text for a number
  hw.send(climate, { t: '21.5', rh: 40 });
  // @ts-expect-error a boolean for a number
  hw.send(climate, { t: 21.5, rh: true });
  // @ts-expect-error a number for a boolean
  hw.send(all, { b: 1, s: 'x', r: null });
  // @ts-expect-error a number for text
  hw.send(all, { b: true, s: 1, r: null });
  // @ts-expect-error an array for bytes
  hw.send(all, { b: true, s: 'x', r: [1, 2] });
  // @ts-expect-error no values
  hw.send(climate);
  // @ts-expect-error a name is no stream
  hw.send('climate', { t: 21.5, rh: 40 });
}

export function wrongDeclarations(): void {
  // @ts-expect-error the name of a type is no type
  stream('climate', { t: 'fixed(1)' });
  // @ts-expect-error fixed takes its digits
  stream('climate', { t: fixed() });
  // @ts-expect-error a stream has a name
  stream({ t: fixed(1) });
  // @ts-expect-error a stream has fields
  stream('climate');
}

export function wrongOptions(): void {
  // @ts-expect-error a device has a link
  producer({ device: 'press-07' });
  // @ts-expect-error a device has a name
  producer({ link });
  // @ts-expect-error an option that there is not
  producer({ device: 'press-07', link, buffer: 1024 });
  // @ts-expect-error a size is a number
  producer({ device: 'press-07', link, bufferBytes: '1 KB' });
  // @ts-expect-error a time is a number
  producer({ device: 'press-07', link, lingerMs: '1 s' });
  // @ts-expect-error a size is no store
  producer({ device: 'press-07', link, store: 768 });
  // @ts-expect-error a link opens, writes and closes
  producer({ device: 'press-07', link: { open() {}, write: () => 0 } });
  // @ts-expect-error a link says how many bytes it took
  producer({ device: 'press-07', link: { open() {}, write() {}, close() {} } });
}

export function wrongCalls(): void {
  // @ts-expect-error flush takes a function
  flush(1000);
  // @ts-expect-error its time is a number
  flush(() => {}, '1 s');
  // @ts-expect-error an undeclared event has a name
  sendUndeclared({ a: 1 });
  // @ts-expect-error a function is no value
  sendUndeclared('note', () => 1);
  // @ts-expect-error nor is undefined
  sendUndeclared('note', { a: undefined });
  // @ts-expect-error nor a bigint
  sendUndeclared('note', 1n);
  // @ts-expect-error statistics are read
  stats().acceptd;
}

export function rightReducers(): void {
  const climate = stream('climate', { t: fixed(1), rh: uint });
  const door = stream('door', { open: bool, by: text, t: float });
  const raw = stream('raw', { r: bytes });
  const minutes = stream('minutes', {
    ...{ t_min: fixed(1), t_max: fixed(1), t_mean: fixed(2), out_t_mean: float, count: uint },
  });
  const sends: ('ram' | 'flash' | false | undefined)[] = [
    deadband(climate, { t: 0.2 }, 600_000).send({ t: 21.5, rh: null }),
    deadband(door, { t: 1 }).send({ open: true, by: 'x', t: null }),
    throttle(deadband(door, {}), 5000, 'first').send({ open: null, by: null, t: 1 }),
    sample(raw, 10).send({ r: Uint8Array.of(1) }),
    sampleRandom(climate, 0.1).send({ t: 1, rh: 1 }),
    aggregate(minutes, 60_000).send({ t: 21.5, out_t: null }),
    deadband(aggregate(deadband(minutes, { t_mean: 0.1 }), 0, 10), { t: 1 }).send({
      t: 1,
      out_t: 1,
    }),
  ];
  void sends;
}

export function wrongReducers(): void {
  const climate = stream('climate', { t: fixed(1), rh: uint });
  const door = stream('door', { open: bool, by: text });
  const raw = stream('raw', { r: bytes });
  const minutes = stream('minutes', { t_min: fixed(1), out_t_mean: fixed(2), count: uint });
  // @ts-expect-error a field that is not declared
  deadband(climate, { t: 0.2 }).send({ t: 21.5, rh: 40, hr: 40 });
  // @ts-expect-error a missing field
  throttle(climate, 1000).send({ t: 21.5 });
  // @ts-expect-error text for a number
  sample(climate, 10).send({ t: '21.5', rh: 40 });
  // @ts-expect-error a field that is not declared, through two of them
  deadband(throttle(climate, 1000), {}).send({ t: 21.5, hr: 40 });
  // @ts-expect-error a band of a field that is not declared
  deadband(climate, { hr: 1 });
  // @ts-expect-error a band of what is no number
  deadband(door, { open: 1 });
  // @ts-expect-error bytes belong to whoever sends them
  deadband(raw, {});
  // @ts-expect-error and can't be held back
  throttle(raw, 1000);
  // @ts-expect-error a throttle has an interval
  throttle(climate);
  // @ts-expect-error there is no such choice
  throttle(climate, 1000, 'last');
  // @ts-expect-error one of how many
  sample(climate);
  // @ts-expect-error with what probability
  sampleRandom(climate);
  // @ts-expect-error a name is no stream
  sample('climate', 10);
  // @ts-expect-error its fields are no statistics
  aggregate(climate, 1000);
  // @ts-expect-error a statistic is a number
  aggregate(stream('s', { t_min: text }), 1000);
  // @ts-expect-error an aggregate has a window
  aggregate(minutes);
  // @ts-expect-error what is aggregated, not its statistics
  aggregate(minutes, 1000).send({ t_min: 1, out_t: 1 });
  // @ts-expect-error all of it
  aggregate(minutes, 1000).send({ t: 1 });
  // @ts-expect-error no more than it
  aggregate(minutes, 1000).send({ t: 1, out_t: 1, rh: 1 });
  // @ts-expect-error numbers
  aggregate(minutes, 1000).send({ t: true, out_t: 1 });
}

export function priorities(): void {
  const alarm = priority(stream('alarm', { t: fixed(1) }), 255);
  const hw = producer({ device: 'press-07', link, store: keepHighest(ram(768)) });
  hw.send(alarm, { t: 1 });
  throttle(alarm, 1000).send({ t: 1 });
  // @ts-expect-error its fields stay what they are
  hw.send(alarm, { rh: 1 });
  // @ts-expect-error a priority is a number
  priority(alarm);
  // @ts-expect-error of a stream
  priority('alarm', 1);
  // @ts-expect-error a size is no store
  keepHighest(768);
  // @ts-expect-error one policy, on a store in RAM
  keepHighest(keepOldest(ram(768)));
}

export function hashes(): void {
  const hash: Uint8Array = hmacSha256(sha256(new Uint8Array(3)), new Uint8Array(3));
  // @ts-expect-error text has no bytes of its own
  sha256('abc');
  // @ts-expect-error a message too
  hmacSha256(hash);
}
