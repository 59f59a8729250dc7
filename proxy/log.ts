import { pino } from 'pino';
import { terminalText } from './terminal-text.js';

// What the proxy says while it runs: a JSON object a line, or on a terminal a line for people.

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export function createLog(level: string, json: boolean): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const formatters = { level: (label: string) => ({ level: label }) };
  if (json) return pino({ ...options, formatters }, pino.destination({ dest: 1, sync: true }));
  const write = (line: string) => process.stdout.write(forPeople(line, process.stdout.isTTY));
  return pino({ ...options, formatters }, { write });
}

const colours: Record<string, string> = { warn: '\x1b[33m', error: '\x1b[31m' };

export function forPeople(line: string, colour: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const parts = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const said = [String(time).slice(11, 23), String(level).padEnd(5), msg, ...parts].join(' ');
  // What a broker, or whoever answers in its place, says is among it.
  const text = terminalText(said);
  const shade = colour ? colours[String(level)] : undefined;
  return shade === undefined ? `${text}\n` : `${shade}${text}\x1b[0m\n`;
}
