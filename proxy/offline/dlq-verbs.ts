// The verbs of `headwater dlq`: what they are called and what their help teaches. Each verb's code is loaded when it is asked for.

import { type Command, InvalidArgumentError } from 'commander';

export function addDlqVerbs(program: Command): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: list them, and send them where they were to go')
    .addHelpText(
      'after',
      `
What Kafka refuses, and what is for a topic that stayed missing or forbidden, goes to kafka.topics.dead. Mend the
cause (create the topic, allow it, raise its max.message.bytes); then:

  headwater dlq list --config site.yaml                 what waits there, and why
  headwater dlq resend --config site.yaml --dry-run     what would be sent
  headwater dlq resend --config site.yaml               each letter once, to its own topic`,
    );

  withFilters(dlq.command('list'))
    .description('print the dead letters that wait')
    .option('--all', 'those that were resent already, too')
    .option('--limit <letters>', 'print so many at most', countOf)
    .option('--json', 'a JSON object per letter, and one with the sums at the end')
    .addHelpText(
      'after',
      `
Reads beside a running proxy and changes nothing. A line: the event's time, device, boot/seq, the topic where it was to
go, its size, partition/offset of the letter, why. "(cut)": Kafka holds its first 4 KB, and the whole is in
<journal>/dead-letters.

Examples:
  headwater dlq list -c site.yaml --topic press-hall.climate
  headwater dlq list -c site.yaml --why missing --json | jq -r .device | sort | uniq -c

Exit codes: 0 done, also where there are none; 1 Kafka can't be read; 2 wrong use or configuration.`,
    )
    .action(async (options) => {
      const { dlqListCommand } = await import('./dlq-list.js');
      process.exitCode = await dlqListCommand(options);
    });

  withFilters(dlq.command('resend'))
    .description('send dead letters where they were to go')
    .option('--dry-run', 'say what would be sent, and send nothing')
    .option('--limit <letters>', 'send so many at most', countOf)
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      `
Each letter goes to its own topic as it was: key, value, time, headers (its hw-id names the event for ever), and
hw-resent, which says where its letter lies. It comes behind what was delivered meanwhile, outside the device's order;
among themselves letters keep theirs.

The same transaction notes in the dead-letter topic that it was sent. So it may be stopped or killed at any moment and
run again, with the same filters or others: nothing is sent twice and nothing is left out. Letters stay where they
are until Kafka's retention takes them. What Kafka still refuses is said, and stays for the next time.
Two at once: the first one stops, and says so. The proxy may run meanwhile.
With \`delivery: at-least-once\` there is no transaction: the note follows, so that what a kill or an error met on the way
may come again, and of two at once nobody stops the other.

Examples:
  headwater dlq resend -c site.yaml --topic press-hall.climate
  headwater dlq resend -c site.yaml --why larger --limit 10

Exit codes: 0 none waits any more, 1 failed or another one took over, 2 wrong use or configuration, 3 some letters stay.`,
    )
    .action(async (options) => {
      const { dlqResendCommand } = await import('./dlq-resend.js');
      process.exitCode = await dlqResendCommand(options);
    });
}

function withFilters(command: Command): Command {
  return command
    .requiredOption('-c, --config <site.yaml>', 'the configuration that names Kafka and the topic')
    .option('--topic <topic>', 'only those that were to go to this topic')
    .option('--device <name>', 'only those of this device')
    .option('--why <text>', 'only those whose reason has this in it');
}

function countOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number above 0.');
}
