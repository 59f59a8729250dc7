// @platformatic/kafka, loaded by those only who chose it: it is an optional package, and needs a newer Node than the proxy. Types of it
// vanish in the build.

import { StartError } from '../start-error.js';
import { isInstalled } from './optional-package.js';

export type Library = typeof import('@platformatic/kafka');

export const platformaticVersion = '2.12.1';
/** As its package says, from 22.22 on. */
const nodeMajor = 22;
const nodeMinor = 22;

/** What a person has to do before it can be used; null: nothing. Loads nothing. */
export function platformaticTrouble(): string | null {
  const chosen = 'kafka.client is platformatic, ';
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < nodeMajor || (major === nodeMajor && minor < nodeMinor)) {
    return (
      `${chosen}which needs Node ${nodeMajor}.${nodeMinor} or newer, and this is ${process.versions.node}: ` +
      'run the proxy on a newer Node, or leave kafka.client at kafkajs'
    );
  }
  if (isInstalled('@platformatic/kafka')) return null;
  return `${chosen}which is not installed: npm install @platformatic/kafka@${platformaticVersion} beside headwater`;
}

export async function loadPlatformatic(): Promise<Library> {
  const trouble = platformaticTrouble();
  if (trouble !== null) throw new StartError(trouble);
  return import('@platformatic/kafka');
}
