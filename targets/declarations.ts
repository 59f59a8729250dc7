// Reads the declared streams out of a firmware's source, so that the table's id (SHA-256) is computed at
// build time and no device carries a hash function. [W-13]
// The firmware is bundled with the SDK left outside; the calls of `stream` stand in that bundle in the
// order in which they will run. They have to be literal and at the top level: then reading is knowing.

import { SourceMap, type SourceMapPayload } from 'node:module';
import { type AnyNode, type CallExpression, type Expression, parse } from 'acorn';
import { BuildError } from './error.js';

/** A declaration as written: field types by the SDK's names, `fixed(2)` with its argument. */
export interface Declaration {
  name: string;
  fields: { name: string; type: string; argument: number | null }[];
}

export function readDeclarations(bundle: string, map: string): Declaration[] {
  const sources = new SourceMap(JSON.parse(map) as SourceMapPayload);
  const program = parse(bundle, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
  const where = (node: AnyNode) => {
    const start = node.loc?.start ?? { line: 1, column: 0 };
    const entry = sources.findEntry(start.line - 1, start.column);
    return 'originalSource' in entry
      ? `${entry.originalSource}:${entry.originalLine + 1}`
      : `line ${start.line} of the bundle`;
  };
  const imported = new Map<string, string>();
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue;
    if (!/^headwater(\/|$)/.test(String(statement.source.value))) continue;
    for (const specifier of statement.specifiers) {
      if (specifier.type !== 'ImportSpecifier') {
        throw new BuildError(
          `${where(statement)}: import the SDK's parts by name: import { stream, … } from 'headwater'`,
        );
      }
      const { imported: name } = specifier;
      imported.set(specifier.local.name, name.type === 'Identifier' ? name.name : `${name.value}`);
    }
  }
  const declarations: Declaration[] = [];
  visit(program, false, (node, inFunction) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return;
    if (imported.get(node.callee.name) !== 'stream') return;
    if (inFunction) {
      throw new BuildError(
        `${where(node)}: declare streams at the top level of a module, not in a function: ` +
          "the table's id is computed when the firmware is built",
      );
    }
    declarations.push(declaration(node, imported, where));
  });
  return declarations;
}

type Where = (node: AnyNode) => string;

function declaration(
  node: CallExpression,
  imported: Map<string, string>,
  where: Where,
): Declaration {
  const [name, fields] = node.arguments;
  const example = "stream('climate', { t: fixed(1), rh: uint })";
  if (name?.type !== 'Literal' || typeof name.value !== 'string') {
    throw new BuildError(`${where(name ?? node)}: write the stream's name as text: ${example}`);
  }
  if (fields?.type !== 'ObjectExpression') {
    throw new BuildError(
      `${where(fields ?? node)}: write the stream's fields in place: ${example}`,
    );
  }
  return {
    name: name.value,
    fields: fields.properties.map((property) => {
      if (property.type !== 'Property' || property.computed) {
        throw new BuildError(`${where(property)}: write each field as name: type: ${example}`);
      }
      const key = property.key.type === 'Identifier' ? property.key.name : keyOf(property.key);
      const type = fieldType(property.value, imported);
      if (key === null || type === null) {
        throw new BuildError(
          `${where(property)}: a field's type is one of the SDK's, written in place: ${example}`,
        );
      }
      return { name: key, ...type };
    }),
  };
}

function keyOf(key: Expression | AnyNode): string | null {
  return key.type === 'Literal' && typeof key.value === 'string' ? key.value : null;
}

function fieldType(
  value: Expression,
  imported: Map<string, string>,
): { type: string; argument: number | null } | null {
  if (value.type === 'Identifier') {
    const type = imported.get(value.name);
    return type === undefined ? null : { type, argument: null };
  }
  if (value.type !== 'CallExpression' || value.callee.type !== 'Identifier') return null;
  const type = imported.get(value.callee.name);
  const [argument] = value.arguments;
  if (type === undefined || argument?.type !== 'Literal') return null;
  return typeof argument.value === 'number' ? { type, argument: argument.value } : null;
}

/** Every node below, with whether a function lies between. */
function visit(
  node: AnyNode,
  inFunction: boolean,
  see: (node: AnyNode, inFunction: boolean) => void,
): void {
  see(node, inFunction);
  const inside = inFunction || /Function/.test(node.type);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visit(child, inside, see);
    }
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
