import { send, type Taken, writeDeclared } from './block.js';
import { choose, type ProducerOptions } from './options.js';
import { backOff } from './session.js';
import type { Field, Stream, Values } from './stream.js';

// send() → block → store → frame → link. A firmware is one device and has one producer: its state is that of the modules. Making it may
// throw, using it does not.

export interface Producer {
  send<Fields extends Record<string, Field<unknown>>>(
    stream: Stream<Fields>,
    values: NoInfer<Values<Fields>>,
  ): Taken;
}

/** Starts the device. */
export const producer = (chosen: ProducerOptions): Producer => {
  choose(chosen);
  backOff(0);
  return { send: (stream, values) => send(stream, values, writeDeclared as never) };
};
