import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';
import type { Edit } from './mutants.js';

// A copy of the build that may be broken: the one that tests run from is never touched. What is not built is linked.

export interface BuildCopy {
  folder: string;
  /** Answers what undoes it. Throws where a text is not there exactly once: the list is older than the code. */
  apply(edits: readonly Edit[]): Promise<() => Promise<void>>;
  remove(): Promise<void>;
}

export async function copyBuild(): Promise<BuildCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-mutants-'));
  await cp(join(projectFolder, 'dist'), join(folder, 'dist'), { recursive: true });
  for (const name of await readdir(projectFolder)) {
    if (name !== 'dist' && name !== '.git') {
      await symlink(join(projectFolder, name), join(folder, name));
    }
  }
  return {
    folder,
    async apply(edits) {
      const sound = new Map<string, string>();
      const broken = new Map<string, string>();
      for (const edit of edits) {
        const path = join(folder, 'dist', edit.file);
        const text = broken.get(path) ?? (await readFile(path, 'utf8'));
        if (!sound.has(path)) sound.set(path, text);
        broken.set(path, edited(text, edit));
      }
      for (const [path, text] of broken) await writeFile(path, text);
      return async () => {
        for (const [path, text] of sound) await writeFile(path, text);
      };
    },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

export function edited(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${file} has this ${parts.length - 1} times and not once: ${find}`);
}
