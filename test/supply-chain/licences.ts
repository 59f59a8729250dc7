// `npm run licences`: docs/DEPENDENCIES.md against package-lock.json; exit code 1 where they differ. `--write` brings versions, licences and new
// packages into its tables. The reasons are a person's and are kept; what has none is refused, here and by a test.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectFolder } from '../kafka/jars.js';
import { type Lock, type Locked, readLock } from './lock.js';

export const page = join(projectFolder, 'docs/DEPENDENCIES.md');
const begin = '<!-- licences: npm run licences -- --write -->\n';
const end = '<!-- /licences -->';
const named = 'Named by Headwater';
const chosen = 'Chosen by whoever installs them';
const scripted = 'Run when they are installed';
/** Where a person has not yet said why it is there. */
export const unsaid = 'TO BE SAID';

/** Each grants use, change and passing on, for nothing but its own text. */
export const allowedLicences: ReadonlySet<string> = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
]);

/** Of `MIT OR Apache-2.0` one is enough. */
export function isAllowed(licence: string): boolean {
  return licence.split(' OR ').some((one) => allowedLicences.has(one));
}

/** The page as it has to be, with the reasons that it has. */
export async function pageText(text: string, lock: Lock): Promise<string> {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page}: its marks are missing`);
  const reasons = reasonsIn(text.slice(from, to));
  const tables = await tablesOf(lock, reasons);
  return `${text.slice(0, from)}${begin}\n${tables}\n${text.slice(to)}`;
}

/** The last cell by heading and package. */
function reasonsIn(tables: string): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const section of tables.split(/^### /m)) {
    const heading = section.slice(0, section.indexOf('\n'));
    for (const [, name = '', reason = ''] of section.matchAll(/^\| `(.*?)` \|.*\| (.*?) \|$/gm)) {
      reasons.set(`${heading}: ${name}`, reason);
    }
  }
  return reasons;
}

async function tablesOf(lock: Lock, reasons: ReadonlyMap<string, string>): Promise<string> {
  const reason = (heading: string, name: string) => reasons.get(`${heading}: ${name}`) ?? unsaid;
  const withReason = (heading: string, all: Locked[]) =>
    all.map((one) => row(one, reason(heading, one.name)));
  const brought = (all: Locked[]) =>
    grouped(all).map((one) => row(one, one.by.map((name) => `\`${name}\``).join(', ')));
  const scripts = await Promise.all(
    lock.all
      .filter(({ hasInstallScript }) => hasInstallScript)
      .map(async ({ name }) => {
        return `| \`${name}\` | \`${await scriptOf(name)}\` | ${reason(scripted, name)} |`;
      }),
  );
  return [
    `### ${named}`,
    table('| package | version | licence | what for |', withReason(named, lock.direct)),
    '### Brought by those',
    table('| package | version | licence | for |', brought(lock.brought)),
    `### ${chosen}`,
    table('| package | version | licence | what for |', withReason(chosen, lock.peers)),
    '### Brought by those that are chosen',
    table('| package | version | licence | for |', brought(lock.broughtByPeers)),
    `### ${scripted}`,
    table('| package | runs | why |', scripts),
  ].join('\n\n');
}

function row({ name, version, licence }: Locked, last: string): string {
  return `| \`${name}\` | ${version} | ${licence} | ${last} |`;
}

function table(head: string, rows: string[]): string {
  return [head, head.replace(/[^|]+/g, ' --- '), ...rows].join('\n');
}

/** Of one binary for each platform only the names differ. */
function grouped(all: Locked[]): Locked[] {
  const groups = new Map<string, Locked[]>();
  for (const one of all) {
    const { version, licence, by } = one;
    const family = one.isOfPlatform ? `${by} ${version} ${licence}` : `${one.name} ${version}`;
    groups.set(family, [...(groups.get(family) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [Locked];
    if (group.length === 1) return first;
    const front = commonFront(group.map(({ name }) => name));
    const rest = group.map(({ name }) => name.slice(front.length)).join(', ');
    return { ...first, name: `${front}{${rest}}` };
  });
}

function commonFront(names: string[]): string {
  const [first = ''] = names;
  let length = first.length;
  while (!names.every((name) => name.startsWith(first.slice(0, length)))) length--;
  return first.slice(0, length);
}

const steps = ['preinstall', 'install', 'postinstall'];

/** As npm runs it: of what is installed here. */
async function scriptOf(name: string): Promise<string> {
  const file = join(projectFolder, 'node_modules', name, 'package.json');
  const { scripts = {} } = JSON.parse(await readFile(file, 'utf8')) as {
    scripts?: Record<string, string>;
  };
  return steps.flatMap((step) => scripts[step] ?? []).join('; ');
}

async function main(flags: string[]): Promise<number> {
  const text = await readFile(page, 'utf8');
  const wanted = await pageText(text, await readLock());
  if (flags.includes('--write')) await writeFile(page, wanted);
  else if (wanted !== text) {
    console.error(`${page}: it is not what package-lock.json has; npm run licences -- --write`);
    return 1;
  }
  if (!wanted.includes(unsaid)) return 0;
  console.error(`${page}: say why each ${unsaid} is there`);
  return 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await main(process.argv.slice(2));
}
