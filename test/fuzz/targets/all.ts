import type { Target } from '../target.js';
import { blockTarget } from './block.js';
import { busDropTarget } from './bus-drop.js';
import { cborTarget } from './cbor.js';
import { configTarget } from './config.js';
import { datagramTarget } from './datagram.js';
import { deviceTarget } from './device.js';
import { envelopeTarget } from './envelope.js';
import { fragmentsTarget } from './fragments.js';
import { frameTarget } from './frame.js';
import { httpTarget } from './http.js';
import { journalTarget } from './journal.js';
import { messageTarget } from './message.js';
import { monitorTarget } from './monitor.js';
import { sessionTarget } from './session.js';
import { sessionWithKeysTarget } from './session-with-keys.js';
import { tableTarget } from './table.js';

/** In the order of the path of an event. */
export const targets: readonly Target[] = [
  ...[frameTarget, cborTarget, messageTarget, tableTarget, blockTarget],
  ...[envelopeTarget, fragmentsTarget, datagramTarget],
  ...[sessionTarget, sessionWithKeysTarget, deviceTarget, busDropTarget],
  ...[journalTarget, monitorTarget, configTarget, httpTarget],
];
