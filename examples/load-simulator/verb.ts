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
    .option('--buffer <bytes>', "of a device's RAM (default: 2048; at --rate max 8192)")
    .option('--linger <time>', 'how long an event waits for others in its block', '1s')
    .option('--patience <time>', 'a wait in which nothing moves ends after so long', '30s')
    .option('--create-topics [partitions]', 'make the topics that are missing (with 4 unless told)')
    .option('--no-proof', 'do not read Kafka: the acknowledgement is the end')
    .option('--proxy-pid <pid>', 'measure the CPU and memory of this process, too (Linux)')
    .option('--report <file>', '.html: a page with plots, and .json beside it; or .json alone')
    .option('--json', 'one JSON object on standard output')
    .action(async (options) => {
      const { simulateCommand } = await import('./main.js');
      process.exitCode = await simulateCommand(options);
    });
}
