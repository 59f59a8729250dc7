import { after, cancel } from './engine.js';
import type { Producer } from './producer.js';

/**
 * Sends what was accepted so far at once, and calls `done(true)` when the proxy has acknowledged all of it, or
 * `done(false)` when the time has passed; it is then still held and still sent.
 */
export function flush(producer: Producer, done: (all: boolean) => void, timeoutMs = 30000): void {
  const { watchers } = producer;
  const goal = producer.seal();
  const finish = (all: boolean) => {
    cancel(timer);
    watchers.splice(watchers.indexOf(check), 1);
    done(all);
  };
  const check = () => {
    if (producer.stats().acknowledged >= goal) finish(true);
  };
  const timer = after(timeoutMs, () => finish(false));
  watchers.push(check);
  check();
}
