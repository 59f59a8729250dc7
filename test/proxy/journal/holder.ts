import { createInterface } from 'node:readline';
import { JournalError } from '../../../proxy/journal/error.js';
import { block, openReal, settled } from './records.js';

// A process that opens the journal of a folder and says so, for tests of its lock. A line on its
// standard input appends an event; the answer is where that is synced.

const [folder = ''] = process.argv.slice(2);

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  const journal = await openReal(folder);
  say({ opened: journal.id, generation: journal.generation });
  for await (const device of createInterface({ input: process.stdin })) {
    journal.append(block(device, journal.places(device)?.values().next().value?.received ?? 0));
    await settled(journal);
    say({ syncedEnd: journal.syncedEnd });
  }
  await journal.close();
  say({ closed: true });
} catch (error) {
  if (!(error instanceof JournalError)) throw error;
  say({ refused: error.kind, message: error.message });
  process.exitCode = 1;
}
