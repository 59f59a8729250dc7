// @platformatic/kafka where this Node takes it; `npm test` runs this room on one that does.

import {
  type Library,
  loadPlatformatic,
  platformaticTrouble,
} from '../../proxy/kafka/platformatic-library.js';

/** Null: it can be used. */
export const whyNot: string | null = await platformaticTrouble();
export const library: Library | null = whyNot === null ? await loadPlatformatic() : null;
