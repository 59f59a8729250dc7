// Public entry `headwater/lines`: what a program that bridges serial lines is made of, one and the same in proxy and gateway.

export { type Clock, systemClock } from '../clock.js';
export { complain } from '../complain.js';
export { ConfigError, parseChecked, readText } from '../config-file.js';
export { channelMax, decodeEnvelope, encodeEnvelope, isEnvelope } from '../envelope.js';
export { FrameReader, toStream } from '../frame.js';
export { type HttpServer, startHttp } from '../http/server.js';
export { createLog, type Log } from '../log.js';
export { createOutcomes, type Outcomes } from '../outcomes.js';
export { type Borrowed, type Bus, BusClosedError } from './bus.js';
export { keepLines, type Line, type LineHandler, type LineState, type Lines } from './lines.js';
export { type ModbusMeter, type ModbusRegister, registersOf } from './modbus-settings.js';
export { type Ports, portsOfMachine } from './ports.js';
export { type LineSettings, lineSettings, noPathTwice } from './settings.js';
