// package-lock.json as the checks of this room read it: which packages come with Headwater, which only where somebody chooses them, and
// which are its developers' alone.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';

export interface Locked {
  name: string;
  version: string;
  licence: string;
  /** Absent: what is downloaded would not be checked. */
  integrity?: string;
  /** Where it would be downloaded from, whatever registry npm is told to use. */
  resolved?: string;
  hasInstallScript: boolean;
  /** It is installed on the platforms that it names alone. */
  isOfPlatform: boolean;
  /** Names of what it is installed for. */
  by: string[];
}

export interface Lock {
  /** Named in package.json. */
  direct: Locked[];
  /** Brought by those. */
  brought: Locked[];
  /** Optional peers: installed by whoever wants them. */
  peers: Locked[];
  broughtByPeers: Locked[];
  all: Locked[];
}

interface Entry {
  version: string;
  license?: string;
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

type Entries = Record<string, Entry>;

export async function readLock(): Promise<Lock> {
  const text = await readFile(join(projectFolder, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Entries };
  const root = packages['']!;
  const named = Object.keys(root.dependencies ?? {});
  const chosen = Object.keys(root.peerDependencies ?? {});
  const own = reached(packages, named);
  const ofPeers = reached(packages, chosen);
  for (const path of own.keys()) ofPeers.delete(path);
  const split = (found: Map<string, Set<string>>, names: string[], isNamed: boolean) =>
    [...found]
      .filter(([path]) => names.some((name) => path === `node_modules/${name}`) === isNamed)
      .map(([path, by]) => lockedOf(path, packages[path]!, by))
      .sort(byName);
  return {
    direct: split(own, named, true),
    brought: split(own, named, false),
    peers: split(ofPeers, chosen, true),
    broughtByPeers: split(ofPeers, chosen, false),
    all: Object.entries(packages)
      .filter(([path]) => path !== '')
      .map(([path, entry]) => lockedOf(path, entry, new Set())),
  };
}

/** Paths of all that is installed for `names`, each with what it is there for. */
function reached(packages: Entries, names: string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const follow = (name: string, from: string) => {
    const path = resolve(packages, name, from);
    if (path === null) return;
    const isNew = !found.has(path);
    const by = found.get(path) ?? new Set();
    found.set(path, by.add(nameOf(from)));
    if (!isNew) return;
    const { dependencies, optionalDependencies } = packages[path]!;
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies }))
      follow(next, path);
  };
  for (const name of names) follow(name, '');
  return found;
}

/** As Node looks for it: beside the package, then in each folder above. */
function resolve(packages: Entries, name: string, from: string): string | null {
  const path = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[path] !== undefined) return path;
  if (from === '') return null;
  return resolve(packages, name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))));
}

function lockedOf(path: string, entry: Entry, by: Set<string>): Locked {
  const { version, license = 'none', integrity, resolved, hasInstallScript = false } = entry;
  return {
    ...{ name: nameOf(path), version, licence: license, hasInstallScript },
    ...(integrity === undefined ? {} : { integrity }),
    ...(resolved === undefined ? {} : { resolved }),
    isOfPlatform: entry.os !== undefined || entry.cpu !== undefined,
    by: [...by].sort(),
  };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function byName(one: Locked, other: Locked): number {
  return one.name < other.name
    ? -1
    : one.name > other.name
      ? 1
      : one.version < other.version
        ? -1
        : 1;
}
