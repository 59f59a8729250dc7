import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, isEnvelope } from '../../../proxy/envelope.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { bytesOf, frame } from '../arbitraries.js';
import { join } from '../cbor-writer.js';
import { check, same, type Target } from '../target.js';

// A gateway's envelope, before COBS.

function run(input: Uint8Array): string {
  const found = decodeEnvelope(input);
  if (found === null) return isEnvelope(input) ? 'broken' : 'none';
  check(found.channel <= 65_535, 'a channel out of range');
  // Whoever asks looks at the type first; any type is read as one.
  if (isEnvelope(input)) check(same(encodeEnvelope(found), input), 'encode(decode(x)) is not x');
  return found.frame.length === 0 ? 'opened anew' : `a frame ${isEnvelope(found.frame)}`;
}

export const envelopeTarget: Target = {
  name: 'envelope',
  checks:
    'a channel within its range and a head whose check holds, or nothing; encode(decode(x)) = x',
  arbitrary: fc
    .tuple(fc.nat(70_000), frame, bytesOf(2))
    .map(([channel, inner, more]) => join(encodeEnvelope({ channel, frame: inner }), more)),
  seeds: () =>
    vectors<{ cases: { name: string; envelope: string }[] }>('envelopes').cases.map(
      ({ name, envelope }) => ({ name, bytes: fromHex(envelope ?? '') }),
    ),
  fresh: () => ({ run }),
};
