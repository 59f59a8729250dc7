import { FrameReader } from '../../../proxy/frame.js';
import { Describer } from '../../../proxy/lines/describe.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { stream } from '../arbitraries.js';
import { check, type Target } from '../target.js';

// What crosses a line, as `headwater monitor` shows it.

function run(input: Uint8Array): string {
  const describer = new Describer();
  const outcomes = new Set<string>();
  const reader = new FrameReader({
    frame: (frame) => {
      const { what, text, isSound } = describer.describe(frame);
      check(!hasControls(text), 'what is shown could be obeyed by a terminal');
      outcomes.add(`${what.replace(/\d+/g, '#')} ${isSound}`);
    },
    broken: (why) => void outcomes.add(why),
  });
  reader.push(input);
  return [...outcomes].slice(0, 3).join(', ');
}

/** Also a new line. */
function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x20) return true;
  return false;
}

export const monitorTarget: Target = {
  name: 'monitor',
  checks: 'each frame is one line, of which no terminal is told anything',
  arbitrary: stream,
  seeds: () => {
    type Step = { what: string; bytes: string };
    const steps = vectors<{ steps: Step[] }>('capture').steps;
    return [
      { name: 'the worked capture', bytes: fromHex(steps.map(({ bytes }) => bytes).join('')) },
      ...steps.map(({ what, bytes }) => ({ name: what, bytes: fromHex(bytes) })),
    ];
  },
  fresh: () => ({ run }),
};
