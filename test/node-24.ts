// A Node 24 beside this machine's own, for what needs a newer one: from npm's registry into the ignored folder .node/, once, and never on
// the path, where it would stand before the machine's in every script. Where this Node is new enough it is itself.
// Invariant: the folder under its final name is complete, since it only ever gets there by a rename.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Log, projectFolder, SetupError } from './kafka/jars.js';

const major = 24;
const run = promisify(execFile);

/** The path of its program. Throws a SetupError where it can't be had. */
export async function ensureNode24(log: Log = () => {}): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) >= major) return process.execPath;
  const folder = join(projectFolder, '.node', `${major}-${process.platform}-${process.arch}`);
  const program = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(program)) await install(folder, log);
  try {
    await run(program, ['--version']);
    return program;
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new SetupError(
      `Node ${major} in ${folder} does not run (${why}); delete it to try again`,
    );
  }
}

async function install(folder: string, log: Log): Promise<void> {
  const partial = `${folder}.${process.pid}.partial`;
  await mkdir(partial, { recursive: true });
  log(`fetching Node ${major} from npm (about 60 MB, once) …`);
  try {
    await writeFile(join(partial, 'package.json'), '{ "private": true }');
    await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', `node@${major}`], {
      cwd: partial,
    }).catch((error: { stderr?: string; message: string }) => {
      const why = error.stderr?.split('\n').find((line) => line !== '') ?? error.message;
      throw new SetupError(`npm could not fetch Node ${major}: ${why}`);
    });
    if (!existsSync(join(partial, 'node_modules/node/bin/node'))) {
      throw new SetupError(`npm brought no Node ${major}: are install scripts switched off?`);
    }
    // A run beside this one may have been faster: its folder is as good as ours.
    if (!existsSync(folder)) await rename(partial, folder).catch(() => {});
    if (!existsSync(folder)) throw new SetupError(`could not put Node ${major} into ${folder}`);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** This command once more, on that Node, to its end: the exit code. Signals of a terminal reach it by themselves. */
export async function againOnNode24(log: Log): Promise<number> {
  const program = await ensureNode24(log);
  const child = spawn(program, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
