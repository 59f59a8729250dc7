// The verb `headwater simulate`: what it is called and what its help teaches. Its code is loaded when it is asked for.

import type { Command } from 'commander';

export function addSimulateVerb(program: Command): void {
  program
    .command('simulate')
    .description('play 1 to 10,000 devices against a proxy, and prove that every event is in Kafka')
    .option(
      '-c, --config <site.yaml>',
      "the proxy's configuration: where it listens, where Kafka is, its topics",
    )
    .option(
      '--proxy <host:port>',
      'where the proxy listens (default: as the file says, else 127.0.0.1:4510)',
    )
    .option('--brokers <host:port,…>', 'Kafka, where there is no file')
    .option('--prefix <text>', "before a stream's name, where there is no file, as press-hall.")
    .option('-n, --devices <n>', 'how many, to 10,000 (default: 10; of a trace: as it has)')
    .option(
      '-r, --rate <n|max>',
      'events a second of all together; max: as fast as the proxy lets them',
    )
    .option('-d, --duration <time>', 'how long they send (default: 30s, to the end of a trace)')
    .option('--events <n>', 'send so many in all')
    .option('--shape <shape>', 'steady (default), bursts, or power-cut')
    .option('--trace <motes|file.csv>', 'play real readings')
    .option('--columns <map>', 'of a CSV: time=…,device=…,FIELD=COLUMN:TYPE,…')
    .option('--speed <factor>', 'how much faster than its own time a trace is played')
    .option('-w, --with <what...>', 'what goes wrong, as cut:every=30s,for=5s')
    .option('--seed <n>', 'the same seed: the same values, victims and waits', '1')
    .option('--stream <name>', 'the stream of the events', 'simulated')
    .option('--name <text>', "what the devices' names begin with", 'sim-')
    .option('--buffer <bytes>', "of a device's RAM (default: 2048; at --rate max 8192 to 1024)")
    .option('--linger <time>', 'how long an event waits for others in its block', '1s')
    .option('--patience <time>', 'a wait in which nothing moves ends after so long', '30s')
    .option('--create-topics [partitions]', 'make the topics that are missing (with 4 unless told)')
    .option('--no-proof', 'do not read Kafka: the acknowledgement is the end')
    .option('--proxy-pid <pid>', 'measure the CPU and memory of this process, too (Linux)')
    .option('--report <file>', '.html: a page with plots, and .json beside it; or .json alone')
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      `
Each device is the SDK itself with a boot, a store in RAM and a connection of its own. At the end a separate read_committed consumer has
counted every (device, boot, seq) in Kafka, with its value, against what send() accepted:

  accepted = in Kafka, once and in order + reported lost + gone with the power before the proxy knew of the boot

A proxy that asks for keys: its registry is read, so run this as whoever may, and give the devices keys (headwater device add).

Topics: the stream's (press-hall.simulated) and the proxy's loss topic must exist; --create-topics makes them.

When they send (--shape):
  steady       each device at even intervals
  bursts       all at once, every 10 s, what would have come in 10 s
  power-cut    steady; every 20 s the whole site loses its power for 2 s, and boots at once
  --trace      at a reading's own time, --speed times as fast; or at --rate

What goes wrong (--with, as often as wanted). Of the devices a share, which the seed picks; 1 unless told, 0.1 for churn:
  cut:every=30s,for=5s[,share=0.5]    the link is out: connections end, and none can be made
  stall:every=…,for=…                 connections stay, and carry nothing
  slow:every=…,for=…[,bytes=200]      bytes a second from the device
  garble:every=…,for=…[,rate=0.001]   of that share of the bytes a bit is flipped, both ways
  power:every=…,for=…                 RAM is gone; a new boot follows
  churn:every=…,for=…                 gets rid of its events, leaves, and comes back as a new boot
  sleep:every=…,for=…                 stands still, and finds its connection dead
  skew:ppm=200                        clocks run wrong by up to so many millionths

A CSV (--trace file.csv --columns …): comma separated, the first line names the columns. time=COLUMN for 2026-11-27T10:00:00Z, or
time=COLUMN:s, :ms; device=COLUMN; each further FIELD=COLUMN:TYPE, of fixed0 to fixed9, uint, int, bool, float, text. An empty cell is an
absent value. A wrong one is told with its line.

At --rate max a device sends whenever its buffer has room; what the proxy journals faster than Kafka takes it is waited for.

Ctrl-C: no more events; what is on its way is waited for, then the proof and the report. Ctrl-C again: the report at once.
10,000 devices need ulimit -n 10100 here, and as much at the proxy, with
limits: { connectionsMax: 10100, unprovenMax: 10100, addressShare: 1 }. Two simulators of one site need --name.

Examples:
  headwater simulate -c site.yaml --create-topics
  headwater simulate -c site.yaml -n 1000 -r 5000 -d 10m --with cut:every=1m,for=10s,share=0.3 --report run.html
  headwater simulate -c site.yaml --trace motes --speed 60
  headwater simulate -c site.yaml --trace hall.csv --columns time=when,device=sensor,t=temp:fixed1 --rate max
  headwater simulate -c site.yaml -n 10000 -r 1000 -d 5m --json | jq '.isSound, .verdict'

Exit codes: 0 every event is accounted for; 1 one is amiss, or it could not be proven; 2 wrong use or configuration.`,
    )
    .action(async (options) => {
      const { simulateCommand } = await import('./main.js');
      process.exitCode = await simulateCommand(options);
    });
}
