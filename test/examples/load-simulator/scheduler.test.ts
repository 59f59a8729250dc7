import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Scheduler, type Task } from '../../../examples/load-simulator/scheduler.js';
import { Random } from '../../random.js';
import { until } from '../../site/until.js';

const test = suite('load simulator: scheduler');

test('tasks run in the order of their times, equal ones as they came, cancelled ones never', async () => {
  const random = new Random(7);
  const scheduler = new Scheduler();
  const ran: number[] = [];
  const began = performance.now() + 20;
  const tasks: { at: number; task: Task; isCancelled: boolean }[] = [];
  for (let number = 0; number < 2_000; number++) {
    const at = began + random.below(40);
    const task = scheduler.at(at, () => ran.push(number));
    tasks.push({ at, task, isCancelled: false });
    if (!random.chance(0.5)) continue;
    const victim = tasks[random.below(tasks.length)]!;
    scheduler.cancel(victim.task);
    victim.isCancelled = true;
  }
  await until(() => scheduler.waiting === 0);
  const expected = tasks
    .map(({ at, isCancelled }, number) => ({ at, isCancelled, number }))
    .filter(({ isCancelled }) => !isCancelled)
    .sort((one, other) => one.at - other.at || one.number - other.number)
    .map(({ number }) => number);
  assert.equal(ran, expected);
});

test('a task may set and cancel others, itself too', async () => {
  const scheduler = new Scheduler();
  const ran: string[] = [];
  const never = scheduler.after(5, () => ran.push('never'));
  const self = scheduler.after(1, () => {
    ran.push('first');
    scheduler.cancel(never);
    scheduler.cancel(self);
    scheduler.after(0, () => ran.push('second'));
  });
  await until(() => scheduler.waiting === 0);
  assert.equal(ran, ['first', 'second']);
});

test('an earlier task does not wait for the one that is armed', async () => {
  const scheduler = new Scheduler();
  const late = scheduler.after(60_000, () => {});
  let isDone = false;
  scheduler.after(1, () => {
    isDone = true;
  });
  await until(() => isDone, { deadlineMs: 30_000 });
  scheduler.cancel(late);
  scheduler.stop();
});

test.run();
