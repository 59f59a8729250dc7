// A configuration of YAML as a program reads it: checked whole by its schema before anything starts; each mistake is said with its line, its
// key, and what was expected. Text from outside (flags, the environment) lies over the file and takes the form that its key wants.

import { readFile } from 'node:fs/promises';
import { type Document, isNode, isPair, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';

/** What a person has to mend: each line stands on its own. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Rejects with a ConfigError where the file can't be read; `example` is named to whoever has none. */
export async function readText(path: string, example: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new ConfigError(`${path}: ${why}; ${example} shows one`);
  });
}

/** `set`: dotted keys to text. Throws a ConfigError. */
export function parseChecked<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  path: string,
  set: Record<string, string> = {},
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // It would be said beside the mistakes, without file and line.
    logLevel: 'error',
  });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors
        .map((error) => `${path}:${lines.linePos(error.pos[0]).line}: ${firstLine(error.message)}`)
        .join('\n'),
    );
  }
  checkAliases(document, lines, path);
  const content = contentOf(document, path) ?? {};
  const strays = Object.entries(set).filter(
    ([key, text]) => !assign(content, key.split('.'), text),
  );
  let result = schema.safeParse(content);
  if (!result.success && retype(content, result.error.issues, set)) {
    result = schema.safeParse(content);
  }
  if (!result.success || strays.length > 0) {
    const mistakes = [
      ...(result.error?.issues.flatMap((issue) => describe(issue, content)) ?? []),
      ...strays.map(([key]) => ({ keys: [key], text: noSuchKey })),
    ];
    throw new ConfigError(
      mistakes
        .map(({ keys, text: what }) => {
          // A key of YAML may be a whole list.
          const name = keys.map((key) => String(key).replace(/\s+/g, ' ')).join('.');
          const overridden = Object.keys(set).some((key) => `${name}.`.startsWith(`${key}.`));
          const origin = overridden ? `${path} (overridden)` : at(document, lines, path, keys);
          return `${origin}: ${name === '' ? what : `${name}: ${what}`}`;
        })
        .join('\n'),
    );
  }
  return result.data;
}

/** Aliases of aliases that would grow beyond all measure are found only here. */
function contentOf(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError(`${path}: ${firstLine((error as Error).message)}`);
  }
}

/** The parser finds them only when it resolves them, and without their line. */
function checkAliases(document: Document, lines: LineCounter, path: string): void {
  visit(document, {
    Alias(_key, alias, above) {
      if (alias.resolve(document) !== undefined) return;
      const { line } = lines.linePos(alias.range?.[0] ?? 0);
      const keys = above.flatMap((node) => (isPair(node) ? [String(node.key)] : []));
      const why = isSecret(keys)
        ? 'what begins with * has to stand in quotation marks'
        : `*${alias.source}: there is no anchor &${alias.source}`;
      throw new ConfigError(`${path}:${line}: ${why}`);
    },
  });
}

const noSuchKey = 'there is no such key (a typing error, or indented wrongly?)';

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, content: unknown): { keys: PropertyKey[]; text: string }[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      keys: [...issue.path, key],
      text: noSuchKey,
    }));
  }
  const found = lookUp(content, issue.path);
  const expected = expectation(issue);
  const shown = isSecret(issue.path) ? 'something else' : shownOf(found);
  const was = found === undefined ? 'it is missing' : `found ${shown}`;
  return [{ keys: issue.path, text: `expected ${expected}, ${was}` }];
}

/** Of a token nothing is shown, of a login nothing but its mechanism: a secret may stand where it does not belong. */
function isSecret(keys: readonly PropertyKey[]): boolean {
  return keys.at(-1) === 'token' || (keys.includes('sasl') && keys.at(-1) !== 'mechanism');
}

/** By aliases a value may hold itself, or be of any length. */
function shownOf(found: unknown): string {
  try {
    const text = JSON.stringify(found) ?? 'nothing';
    return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
  } catch {
    return 'a value that holds itself';
  }
}

const shownMax = 200;

const names: Record<string, string> = { object: 'a section', array: 'a list', int: 'a number' };

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return names[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `at least ${issue.minimum} of it`
        : `at least ${issue.minimum}`;
    case 'too_big':
      return `at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** The line of the key, or of the nearest one above it that is there. */
function at(document: Document, lines: LineCounter, path: string, keys: PropertyKey[]): string {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    const key = keys[depth - 1];
    const items =
      parent !== null && typeof parent === 'object' && 'items' in parent ? parent.items : [];
    for (const item of Array.isArray(items) ? items : []) {
      const name: unknown = item?.key?.value;
      if (name === key && item.key.range) return `${path}:${lines.linePos(item.key.range[0]).line}`;
    }
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return `${path}:${lines.linePos(node.range[0]).line}`;
  }
  return path;
}

function lookUp(content: unknown, keys: readonly PropertyKey[]): unknown {
  let value = content;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** Sets kafka.brokers and the like; false where a key above it holds a value of its own. */
function assign(content: unknown, keys: readonly PropertyKey[], value: unknown): boolean {
  let target = content;
  for (const name of keys.slice(0, -1)) {
    if (typeof target !== 'object' || target === null) return false;
    const held = Reflect.get(target, name) ?? null;
    // `ssl: true` is a section without keys.
    if (held === null || held === true) Reflect.set(target, name, {});
    target = Reflect.get(target, name);
  }
  if (typeof target !== 'object' || target === null) return false;
  return Reflect.set(target, keys.at(-1) ?? '', value);
}

/** Gives text from outside the form that its key wants, a list with commas; true where it did. */
function retype(content: unknown, issues: Issue[], set: Record<string, string>): boolean {
  let changed = false;
  for (const issue of issues) {
    const text = set[issue.path.join('.')];
    if (issue.code !== 'invalid_type' || text === undefined) continue;
    const value = formOf(text, issue.expected);
    if (value !== text) changed = assign(content, issue.path, value) || changed;
  }
  return changed;
}

function formOf(text: string, wanted: string): unknown {
  if (wanted === 'array') return text.split(',');
  if (wanted === 'boolean') return { true: true, false: false }[text] ?? text;
  const isNumber = wanted === 'number' || wanted === 'int';
  return isNumber && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
