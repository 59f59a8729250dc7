import { random } from '../engine.js';
import type { Field } from '../stream.js';
import { type Reducer, sender, type Target } from './reducer.js';

type Fields = Record<string, Field<unknown>>;

/** Sends one of `each` events, the first among them. */
export const sample = <Any extends Fields>(target: Target<Any>, each: number): Reducer<Any> => {
  let index = 0;
  return thin(target, () => index++ % each);
};

/** Sends each event with a probability from 0 to 1, so that nothing that recurs is always missed. */
export const sampleRandom = <Any extends Fields>(
  target: Target<Any>,
  probability: number,
): Reducer<Any> => thin(target, () => random() >= probability);

const thin = <Any extends Fields>(
  target: Target<Any>,
  isLeftOut: () => boolean | number,
): Reducer<Any> => {
  const send = sender(target);
  return {
    fields: target.fields,
    send: (values) => (isLeftOut() ? undefined : send(values)),
  };
};
