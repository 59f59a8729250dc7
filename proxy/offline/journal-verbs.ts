// The verbs of `headwater journal`: what they are called and what their help teaches. Each verb's code is loaded when it is asked for.

import { type Command, InvalidArgumentError } from 'commander';

export function addJournalVerbs(program: Command): void {
  const journal = program
    .command('journal')
    .description("look after a proxy's journal")
    .addHelpText(
      'after',
      `
Examples:
  headwater journal verify -c site.yaml            is every byte as it was written?
  headwater journal show -c site.yaml              segments, checkpoint, lanes, places
  headwater journal show -c site.yaml --records --device press-07`,
    );

  journal
    .command('verify')
    .description('check every record of every segment, and the checkpoints')
    .requiredOption('-c, --config <site.yaml>', 'the configuration that names the journal')
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      `
Reads beside a running proxy, or without one, and changes nothing. Says what is damaged (file, offsets), and which
events that took, where the records around it or the checkpoint tell: device, boot, seqs. The proxy itself passes
damage over and publishes those ranges in its loss topic; bytes that are missing keep it from starting. Where it would
not start on this journal, verify says its line.

Behind the last group there may be the beginning of another one, of a proxy that runs or was killed: it was not
acknowledged, and is no damage. A flipped bit in the very last group looks the same.
A checkpoint that a crash tore counts as damaged, and costs nothing: the other one is used.

Examples:
  headwater journal verify -c site.yaml
  headwater journal verify -c site.yaml --json | jq '.lost'

Exit codes: 0 whole, 1 damaged, or a proxy refuses it, 2 wrong use, or there is nothing that can be read.`,
    )
    .action(async (options) => {
      const { verifyCommand } = await import('./verify.js');
      process.exitCode = await verifyCommand(options);
    });

  journal
    .command('show')
    .description('print what a journal holds')
    .requiredOption('-c, --config <site.yaml>', 'the configuration that names the journal')
    .option('--device <name>', 'only this device: its places, or its records')
    .option('--records', 'the records, a line each, instead of the summary')
    .option('--from <offset>', 'records from this offset on', wholeNumber)
    .option('--limit <records>', 'so many records at most', wholeNumber)
    .option('--json', 'one JSON object, or one per record')
    .addHelpText(
      'after',
      `
Reads beside a running proxy, or without one, and changes nothing.

Segments with the offsets they hold, the newest checkpoint, for each lane how far Kafka's word goes and how many bytes
wait, for each place (device, boot) the next seq and whether Kafka has all before it. An offset counts bytes since the
journal's beginning. What events hold: headwater tail.

Examples:
  headwater journal show -c site.yaml
  headwater journal show -c site.yaml --device press-07
  headwater journal show -c site.yaml --from 16777216 --limit 20
  headwater journal show -c site.yaml --records --json | jq -c 'select(.kind == "loss")'

Exit codes: 0 done, 1 the journal can't be read on, 2 wrong use, or there is none.`,
    )
    .action(async (options) => {
      const { showCommand } = await import('./show.js');
      process.exitCode = await showCommand(options);
    });

  journal
    .command('adopt')
    .description('let Kafka follow this journal, where the proxy refuses to start on it')
    .requiredOption(
      '-c, --config <site.yaml>',
      'the configuration that names the journal and Kafka',
    )
    .option('--yes', 'do it; without this it says what it would do, and what that costs')
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      `
Kafka keeps the position of the journal that it has events of. A proxy on another one refuses to start: its journal was
wiped or belongs to somewhere else, or it is an older copy, or a clone that has grown on its own. First look for the
right journal: started on that, the proxy loses nothing and repeats nothing. Where it is gone for good, this makes
Kafka's position one of the journal that you have.

Run it without --yes first. It says how many events will be sent that may be in Kafka already (they carry the header
hw-repeat: perhaps, and key and hw-id name each for ever), and what may be lost. Stop the other proxy, if one runs.
Killed at any moment it may be run again. It writes what it did into the journal's folder and the position topic.

Examples:
  headwater journal adopt --config site.yaml
  headwater journal adopt --config site.yaml --yes && headwater proxy --config site.yaml

Exit codes: 0 adopted, or there was no need to; 1 failed; 2 wrong use or configuration; 3 it would, and --yes is missing.`,
    )
    .action(async (options) => {
      const { adoptCommand } = await import('./adopt.js');
      process.exitCode = await adoptCommand(options);
    });

  journal
    .command('resend')
    .description('send events again that Kafka had: a topic was deleted, a cluster restored')
    .requiredOption(
      '-c, --config <site.yaml>',
      'the configuration that names the journal and Kafka',
    )
    .requiredOption('--from <time>', 'events that the proxy took at this time or later', timeOf)
    .requiredOption('--to <time>', 'and before this time', timeOf)
    .option('--topic <topic>', 'only what goes to this topic')
    .option('--device <name>', 'only what this device sent')
    .option('--id <name>', 'names this resend; another name sends the same events once more', idOf)
    .option('--dry-run', 'count what would be sent, ask no Kafka and send nothing')
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      `
Reads what the journal keeps (journal.keepCommittedHours) beside a running proxy, writes nothing there, and sends it to
its topics in the journal's order, with the key, time and headers that it had, and one header more, hw-resent, the name of
the resend. THE EVENTS COME AGAIN: who reads the topics drops what it knows by key and hw-id, or by hw-resent.
What Kafka has not had yet is left out: the proxy sends that itself.

Times are those at which the proxy took the events, not those at which they happened: with a zone, or in ms since 1970.

Each transaction notes how far it came. Run again after a kill, the same command goes on there and sends nothing
twice; run again when it is through, it sends what came since. One at a time for a site: the first one stops. With
\`delivery: at-least-once\` there are no transactions, and the last batch before a kill may come twice.
An --id stands for one selection of one journal: with another one it is refused, and nothing is sent.
Room for events goes first: what the journal lets go of before it is sent is counted and passed over, exit code 1.

Examples:
  headwater journal resend -c site.yaml --from 2026-11-27T08:00Z --to 2026-11-27T12:00+01:00 --dry-run
  headwater journal resend -c site.yaml --from 2026-11-27T08:00Z --to 2026-11-27T12:00Z --topic press-hall.climate

Exit codes: 0 all of it is sent, 1 failed or stopped before (it says how to go on), 2 wrong use or configuration.`,
    )
    .action(async (options) => {
      const { resendCommand } = await import('./resend.js');
      process.exitCode = await resendCommand(options);
    });
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

function timeOf(text: string): number {
  if (/^\d{12,15}$/.test(text)) return Number(text);
  const hasZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text);
  const ms = hasZone ? Date.parse(text) : Number.NaN;
  // To `Date`, February has 31 days: the last of them are in March.
  const day = text.slice(0, 'yyyy-mm-dd'.length);
  const isDay = Number.isFinite(ms) && new Date(day).toISOString().startsWith(day);
  if (isDay) return ms;
  throw new InvalidArgumentError('expected a time with its zone, e.g. 2026-11-27T08:00Z.');
}

function idOf(text: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('expected up to 64 letters, digits, . _ -');
}
