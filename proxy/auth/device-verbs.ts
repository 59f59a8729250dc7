// The verbs of `headwater device`: what they are called and what their help teaches. Each verb's code is loaded when it is asked for.

import { type Command, InvalidArgumentError } from 'commander';

export function addDeviceVerbs(program: Command): void {
  const device = program
    .command('device')
    .description("devices' keys: who may write, with which key, and who no longer")
    .addHelpText(
      'after',
      `
Each device has a key of its own, in its firmware and in the registry that \`keys\` of site.yaml names. With it each proves to the
other that it has it; it never crosses the link. A proxy that runs takes a change up within a second.

  headwater device add press-07 -c site.yaml             a key, as the line that its firmware needs
  headwater device list -c site.yaml                     who is known, since when; never a key
  headwater device rotate press-07 -c site.yaml          a new key; the old one is valid for 7 days yet
  headwater device revoke press-07 -c site.yaml          stolen, or gone: none of its keys is valid

The registry is a file of text, for the proxy's user alone (chmod 600): whoever reads it can be any device. docs/OPERATIONS.md, "Keys", has more.`,
    );
  addAdd(device);
  addList(device);
  addRotate(device);
  addRevoke(device);
}

const exitCodes = `Exit codes: 0 done; 1 refused, and nothing was changed (it is known, it is not, the registry is damaged or open to others), or
the key could not be printed; 2 wrong use or configuration.`;

function addAdd(device: Command): void {
  withWhich(device.command('add'))
    .description('make a key for a device that has none, and print it, once')
    .option('--key', 'take the key from standard input, a line for each device, and print none')
    .option('--json', 'a JSON object for each device')
    .addHelpText(
      'after',
      `
Makes the registry where there is none. Prints the line that the firmware needs; the key is shown this once. All of the
devices are added, or none. A key is 24 bytes of the system's random source as 32 characters; those characters are the key, a board decodes nothing.

With --key it is one that was made elsewhere: 16 to 64 letters, digits and + / = _ . ~ : -, and made by chance: a password can be
found by whoever hears the link. It is not an argument, since those are seen by whoever lists the machine's processes.

Examples:
  headwater device add press-07 -c site.yaml
  headwater device add --from new-devices.txt -c site.yaml --json | ./flash-them
  headwater device add press-08 -c site.yaml --key < press-08.key
  headwater device add 'press 9' --keys /etc/headwater/devices.keys

${exitCodes}`,
    )
    .action(async (names: string[], options) => {
      const { addCommand } = await import('./device-commands.js');
      process.exitCode = await addCommand({ names, ...options });
    });
}

function addList(device: Command): void {
  withWhere(device.command('list'))
    .description(
      'print which devices are known, how old their keys are, and which are in a rotation',
    )
    .option('--json', 'a JSON object for each device')
    .addHelpText(
      'after',
      `
Never prints a key.

Examples:
  headwater device list -c site.yaml
  headwater device list -c site.yaml --json | jq -r 'select(.rotation) | .device'

Exit codes: 0 done; 1 there is no registry, or it is damaged or open to others; 2 wrong use or configuration.`,
    )
    .action(async (options) => {
      const { listCommand } = await import('./device-commands.js');
      process.exitCode = await listCommand(options);
    });
}

function addRotate(device: Command): void {
  withWhich(device.command('rotate'))
    .description('make a new key; the old one stays valid while the firmware is changed')
    .option(
      '--keep <time>',
      'how long the old key is valid yet: 90s, 30m, 12h, 7d (default: 7d)',
      spanOf,
    )
    .option('--finish', 'end a rotation now: the old key is no longer valid')
    .option(
      '--cancel',
      'take a rotation back: the new key is no longer valid, the old one has no end',
    )
    .option('--key', 'take the new key from standard input, a line for each device, and print none')
    .option('--json', 'a JSON object for each device')
    .addHelpText(
      'after',
      `
Prints the line that the firmware needs; the key is shown this once. Until the old key ends, the device may use either. One rotation at a
time: where the new key was lost before it was in the device, --cancel, and rotate again. Where the old one was stolen, \`headwater device revoke\`.

Examples:
  headwater device rotate press-07 -c site.yaml
  headwater device rotate --from hall-2.txt --keep 30d -c site.yaml --json | ./flash-them
  headwater device rotate press-07 --finish -c site.yaml

${exitCodes}`,
    )
    .action(async (names: string[], options) => {
      const { rotateCommand } = await import('./device-commands.js');
      process.exitCode = await rotateCommand({ names, ...options });
    });
}

function addRevoke(device: Command): void {
  withWhich(device.command('revoke'))
    .description("end a device's keys: its session ends within a second, and it gets no other")
    .option('--old', 'of a rotation only the old key')
    .addHelpText(
      'after',
      `
What the proxy has of the device stays and goes to Kafka. What the device keeps waits there until it is added again and has its new key.

Examples:
  headwater device revoke press-07 -c site.yaml
  headwater device revoke press-07 --old -c site.yaml

${exitCodes}`,
    )
    .action(async (names: string[], options) => {
      const { revokeCommand } = await import('./device-commands.js');
      process.exitCode = await revokeCommand({ names, ...options });
    });
}

function withWhere(command: Command): Command {
  return command
    .option('-c, --config <site.yaml>', 'the configuration whose `keys` names the registry')
    .option('--keys <file>', 'the registry itself, instead');
}

function withWhich(command: Command): Command {
  return withWhere(
    command
      .argument('[name...]', 'the device, as its firmware calls it; several at once')
      .option('--from <file>', 'more names, one a line'),
  );
}

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const daysMax = 366;

function spanOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? 0);
  if (ms > 0 && ms <= daysMax * unitMs.d!) return ms;
  throw new InvalidArgumentError(
    `expected a time of at most ${daysMax} days, as 90s, 30m, 12h, 7d.`,
  );
}
