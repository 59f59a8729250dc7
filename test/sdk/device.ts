import { type Sdk, sdkFactory } from '../../targets/instance.js';
import { type Wire, wire } from './peer.js';
import { type VirtualEngine, virtualEngine } from './virtual-engine.js';

// A device of its own: an instance of the bundled SDK as it ships, on an engine and a link in the test's hands.

export interface Device {
  sdk: Sdk;
  engine: VirtualEngine;
  link: Wire;
}

const instantiate = await sdkFactory();

export function device(start = 0): Device {
  const engine = virtualEngine(start);
  return { sdk: instantiate(engine), engine, link: wire() };
}
