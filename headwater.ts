#!/usr/bin/env node
// The command `headwater`: hands each verb to its room. A verb's code is loaded when it is asked for.

import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { addSimulateVerb } from './examples/load-simulator/verb.js';
import { addDeviceVerbs } from './proxy/auth/device-verbs.js';
import { addDlqVerbs } from './proxy/offline/dlq-verbs.js';
import { addJournalVerbs } from './proxy/offline/journal-verbs.js';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

const program = new Command('headwater')
  .exitOverride() // here, since the verbs inherit it when they are made
  .description('Events from a microcontroller into Kafka, once and in order.')
  .version(version)
  .showHelpAfterError('(headwater --help explains)')
  .addHelpText(
    'after',
    `
Examples:
  headwater build firmware.ts --target quickjs --out firmware.js
  headwater proxy --config site.yaml
  headwater tail --config site.yaml        what devices sent, without a Kafka

Exit codes: 0 done, 1 failed, 2 wrong use or configuration.`,
  );

program
  .command('build')
  .description('compile firmware for an engine, with the SDK in it')
  .argument('<firmware>', 'the TypeScript or JavaScript file that calls producer()')
  .addOption(
    new Option('-t, --target <engine>', 'engine that runs it')
      .choices(['quickjs', 'espruino', 'es5', 'node'])
      .makeOptionMandatory(),
  )
  .option('-o, --out <file>', 'where to write it (default: beside the firmware, NAME.TARGET.js)')
  .option('--no-minify', 'readable output')
  .option('--storage', 'espruino: a script that writes the firmware into flash and starts it there')
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
Streams are declared at the top level with literals, before producer(): their table's id is computed
here. Prints the file, its bytes, its streams and the id. What an engine lacks is refused, with the line and
what to write instead; docs/TARGETS.md has the tables.

Targets:
  quickjs   QuickJS: an ES module, qjs --module firmware.js
  espruino  Espruino: one script for its Web IDE or the command espruino
  es5       mquickjs, Duktape, MuJS: one script of ES5; the host gives it the global host
  node      gateways and tests

Examples:
  headwater build firmware.ts --target quickjs             firmware.quickjs.js beside it
  headwater build firmware.ts -t espruino --storage        written into flash when it is uploaded
  headwater build src/main.ts -t node -o gateway.js --json`,
  )
  .action(async (firmware: string, options) => {
    const { buildCommand } = await import('./targets/build.js');
    process.exitCode = await buildCommand(firmware, options);
  });

program
  .command('proxy')
  .description('take events from devices, journal them, bring them into Kafka')
  .requiredOption('-c, --config <site.yaml>', 'the configuration (examples/site.yaml explains it)')
  .option('--set <key=value...>', 'override a key, e.g. --set listen.tcp.port=4510')
  .option('--json', 'log as JSON lines even on a terminal, and print the books as JSON')
  .addHelpText(
    'after',
    `
Ends on SIGTERM or SIGINT: takes nothing more, brings what it can into Kafka within
limits.drainTimeoutMs, and prints the books: received = committed + buffered + rejected + dropped.
What stays buffered is in the journal and goes on at the next start.

HEADWATER_KAFKA_BROKERS, HEADWATER_LISTEN_TCP_PORT, … override the file; --set overrides both.`,
  )
  .action(async (options) => {
    const { runProxy } = await import('./proxy/main.js');
    process.exitCode = await runProxy({
      config: options.config,
      flags: settings(options.set ?? []),
      json: options.json === true,
    });
  });

program
  .command('ports')
  .description('serial lines of this machine, and what answers on them')
  .argument('[path...]', 'these lines only, as /dev/ttyUSB0')
  .option('-b, --baud-rate <n>', 'of the devices', Number, 115_200)
  .option(
    '-s, --seconds <n>',
    'how long each may take to answer; 0: only whether it opens',
    Number,
    5,
  )
  .option('--json', 'one JSON array')
  .addHelpText(
    'after',
    `
Opens each line, tells what is there that it has no session, and prints the HELLO, the console's text, or that nothing came. A
line that a proxy or a gateway has is busy, and is left alone.

Examples:
  headwater ports
  headwater ports /dev/ttyUSB0 --baud-rate 9600`,
  )
  .action(async (paths: string[], options) => {
    const { listCommand } = await import('./proxy/lines/list.js');
    process.exitCode = await listCommand({ paths, ...options });
  });

program
  .command('monitor')
  .description('what crosses a serial line, decoded, a line for each frame')
  .argument('[port]', 'as /dev/ttyUSB0')
  .option('-b, --baud-rate <n>', 'of the line', Number, 115_200)
  .option('--capture <file>', 'write what comes into a file, too')
  .option('--read <file>', 'a capture instead of a line')
  .option('--json', 'one JSON object per frame')
  .addHelpText(
    'after',
    `
Has the line for itself and says nothing on it: wire its RX to the TX that you want to hear. Events are decoded once their table
has crossed the line: after a HELLO. What is of another protocol, as a Modbus meter on the same bus, is broken here. Rates go to
standard error, every ten seconds and at the end (Ctrl-C). A capture is written anew; one that was torn is read as far as it goes.

Examples:
  headwater monitor /dev/ttyUSB0
  headwater monitor /dev/ttyUSB0 --capture line.jsonl
  headwater monitor --read line.jsonl | grep DATA`,
  )
  .action(async (path: string | undefined, options) => {
    const { monitorCommand } = await import('./proxy/lines/monitor.js');
    process.exitCode = await monitorCommand({ path, ...options });
  });

const gateway = program
  .command('gateway')
  .description('bridge serial lines to a proxy on another machine, over one connection')
  .option('-c, --config <gateway.yaml>', 'which lines, and which proxy', 'gateway.yaml')
  .option('--set <key=value...>', 'override a key, e.g. --set proxy.host=10.0.0.5')
  .option('--json', 'log as JSON lines even on a terminal')
  .addHelpText(
    'after',
    `
Of devices it keeps no events and acknowledges nothing: each event stays in its device until the proxy has it, whatever becomes of
the gateway. Modbus RTU meters on a bus are devices of the gateway's own; what was read of them waits in files, in \`store\`.
examples/serial-gateway has a configuration, a systemd unit and a container file.

Ends on SIGTERM or SIGINT.

Examples:
  headwater gateway --config gateway.yaml
  headwater gateway pause /dev/ttyUSB0     gives the line free, as for an update of the board's firmware
  headwater gateway resume /dev/ttyUSB0`,
  )
  .action(async (options) => {
    const { runGateway } = await import('./examples/serial-gateway/main.js');
    process.exitCode = await runGateway({
      config: options.config,
      flags: settings(options.set ?? []),
      json: options.json === true,
    });
  });

for (const what of ['pause', 'resume'] as const) {
  gateway
    .command(what)
    .description(what === 'pause' ? 'give a line free' : 'take a line up again')
    .argument('<path>', 'the line as the gateway names it, e.g. /dev/ttyUSB0')
    .addHelpText(
      'after',
      `
Asks the running gateway, at \`http\` of its configuration. ${
        what === 'pause'
          ? 'The line is left to another program until it is resumed, or\nthe gateway is started again; its devices keep their events.'
          : 'The line is opened within a second.'
      }

Example:
  headwater gateway --config /etc/headwater/gateway.yaml ${what} /dev/ttyUSB0`,
    )
    .action(async (path: string) => {
      const { pauseLine } = await import('./examples/serial-gateway/pause.js');
      process.exitCode = await pauseLine(what, path, gateway.opts());
    });
}

program
  .command('tail')
  .description("print a journal's events, those to come too")
  .requiredOption('-c, --config <site.yaml>', 'the configuration that names the journal')
  .option('--no-follow', 'end at the end instead of waiting for more')
  .option('--json', 'one JSON object per event')
  .addHelpText(
    'after',
    `
Reads beside a running proxy, or without one. A line: time, device, boot/seq, topic, value.

Examples:
  headwater tail --config site.yaml
  headwater tail --config site.yaml --no-follow --json | jq .value`,
  )
  .action(async (options) => {
    const { tailCommand } = await import('./proxy/tail.js');
    process.exitCode = await tailCommand(options);
  });

addDeviceVerbs(program);
addDlqVerbs(program);
addJournalVerbs(program);
addSimulateVerb(program);

/** What is no argument, and where it belongs. */
const secrets: Record<string, string> = {
  'kafka.sasl.password':
    'name a file, kafka.sasl.passwordFile, or set HEADWATER_KAFKA_SASL_PASSWORD',
  'kafka.sasl.clientSecret':
    'name a file, kafka.sasl.clientSecretFile, or set HEADWATER_KAFKA_SASL_CLIENT_SECRET',
  'http.token': 'it belongs into gateway.yaml',
};

function settings(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) program.error(`--set ${pair}: expected key=value`, { exitCode: 2 });
      const key = pair.slice(0, equals);
      const instead = secrets[key];
      if (instead !== undefined) {
        const why = "whoever lists the machine's processes would see it";
        program.error(`headwater: --set ${key}: ${why}; ${instead}`, { exitCode: 2 });
      }
      return [key, pair.slice(equals + 1)];
    }),
  );
}

// Whoever reads may stop: `headwater … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own; help and version end with 0, wrong use with 2.
  if (error instanceof Error && 'exitCode' in error)
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  else throw error;
}
