// `headwater simulate`: from the command line to a run, its report, and an exit code: 0 proven, 1 an event is amiss or nothing could be
// proven, 2 a user's mistake.

import { ConfigError, complain } from 'headwater/site';
import { checkLimits } from './machine.js';
import { Progress } from './progress.js';
import { ProofError } from './proof/proof.js';
import { checkReport, writeReport } from './report/report.js';
import { summaryOf, summaryText } from './report/summary.js';
import { readSettings, type SimulateOptions } from './settings.js';
import { Simulation } from './simulation.js';

export async function simulateCommand(options: SimulateOptions): Promise<number> {
  let progress: Progress | null = null;
  try {
    const settings = await readSettings(options);
    await checkLimits(settings.devices);
    if (settings.report !== null) await checkReport(settings.report);
    progress = new Progress(settings);
    const simulation = new Simulation(settings, progress);
    let signals = 0;
    const interrupt = () => {
      signals++;
      if (signals === 1) {
        progress?.say(
          'stopping: no more events; waits for what is on its way (once more: ends now)',
        );
      }
      simulation.interrupt();
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    const outcome = await simulation.run().finally(() => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    });
    progress.end();
    const summary = summaryOf(settings, outcome);
    if (settings.isJson) console.log(JSON.stringify(summary));
    else console.log(summaryText(summary));
    if (settings.report !== null) await writeReport(settings.report, summary, outcome);
    return summary.isSound ? 0 : 1;
  } catch (error) {
    progress?.end();
    if (error instanceof ConfigError) return complain(error.message, 2);
    if (error instanceof ProofError) return complain(error.message, 1);
    throw error;
  }
}
