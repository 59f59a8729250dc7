// @platformatic/kafka where this Node takes it; `npm test` runs this room on one that does.

import { test } from 'uvu';
import {
  type Library,
  loadPlatformatic,
  platformaticTrouble,
} from '../../proxy/kafka/platformatic-library.js';

const trouble = platformaticTrouble();
const library = trouble === null ? await loadPlatformatic() : null;

/** The tests of a file, or the reason why there are none. */
export async function orSkip(work: (library: Library) => Promise<void> | void): Promise<void> {
  if (library !== null) return work(library);
  console.log(`skipped: ${trouble}`);
  test.skip('@platformatic/kafka');
  test.run();
}
