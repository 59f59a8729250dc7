import { spawn } from 'node:child_process';
import { type CheckName, checks } from './mutants.js';

// One check on one build, as its own process in the build's folder.

export interface Checked {
  /** `hung`: it was ended, and is no sound one. */
  end: 'passed' | 'failed' | 'hung';
  seconds: number;
  /** The end of what it said. */
  output: string;
}

const hungMs = 300_000;
const outputMax = 20_000;

export function runCheck(folder: string, check: CheckName): Promise<Checked> {
  const beginMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, checks[check], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    const guard = () => child.kill('SIGKILL');
    process.once('exit', guard);
    let output = '';
    let hasFailed = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-outputMax);
        // Of uvu, at the first test that fails: what that left open may keep the others waiting.
        if (!text.includes('✘') || hasFailed) return;
        hasFailed = true;
        child.kill('SIGTERM');
      });
    }
    let hung = false;
    const late = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, hungMs);
    child.once('error', reject);
    // Not 'close': what it started may hold its output a moment longer.
    child.once('exit', (code) => {
      clearTimeout(late);
      process.removeListener('exit', guard);
      const end = hung ? 'hung' : code === 0 && !hasFailed ? 'passed' : 'failed';
      resolve({ end, seconds: (performance.now() - beginMs) / 1000, output });
    });
  });
}
