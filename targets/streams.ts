import { SourceMap } from 'node:module';
import {
  type CallExpression,
  type Expression,
  type Node,
  type Program,
  type Property,
  parse,
  type SpreadElement,
} from 'acorn';
import { bool } from '../sdk/bool.js';
import { bytes } from '../sdk/bytes.js';
import { float } from '../sdk/float.js';
import { type Field, fixed, int, type Stream, uint } from '../sdk/stream.js';
import { text } from '../sdk/text.js';
import { BuildError } from './error.js';

// From a firmware's source to its declared streams, without running it. The firmware is bundled once with the SDK left out, so that
// `import … from 'headwater'` still stands there and tells which calls are the SDK's `stream()`. They must
// stand at a module's top and hold literals, since what they declare, in this order, is the table of the device.

const types: Record<string, Field<unknown>> = { int, uint, bool, float, text, bytes };

/** The SDK's names by the local ones: `{ s: 'stream' }`; a namespace has `'*'`. */
type Imports = Map<string, string>;

const EXAMPLE = "stream('climate', { t: fixed(1), rh: uint })";

/** Reads the streams that a bundle declares; `map` is its source map. */
export function readStreams(code: string, map: string): Stream[] {
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
  const imports = sdkImports(program);
  const sourceMap = new SourceMap(JSON.parse(map));
  const fail = (node: Node, message: string): never => {
    const { line, column } = node.loc!.start;
    const origin = sourceMap.findEntry(line - 1, column);
    if (!('originalSource' in origin)) throw new BuildError(message);
    throw new BuildError(`${origin.originalSource}:${origin.originalLine + 1}: ${message}`);
  };

  const streams: Stream[] = [];
  let closed = false;
  const visit = (node: Node, top: boolean) => {
    if (node.type === 'CallExpression') {
      const call = node as CallExpression;
      const name = sdkName(call.callee, imports);
      if (name === 'producer' && top) closed = true;
      if (name === 'stream') {
        if (!top) fail(call, `declare streams at the top level of a module: ${EXAMPLE}`);
        if (closed)
          fail(call, 'declare all streams before producer() is called: it closes their table');
        readCall(call, imports, streams, fail);
      }
    }
    const below = top && !NESTS.has(node.type);
    for (const child of children(node)) visit(child, below);
  };
  visit(program, true);
  return streams;
}

/** What may run later, never, or more than once. */
const NESTS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassBody',
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
  'SwitchStatement',
  'TryStatement',
  'ConditionalExpression',
  'LogicalExpression',
]);

function children(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((value): value is Node => typeof value?.type === 'string');
}

function sdkImports(program: Program): Imports {
  const imports: Imports = new Map();
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue;
    if (!/^headwater(\/|$)/.test(String(statement.source.value))) continue;
    for (const specifier of statement.specifiers) {
      const { imported } =
        specifier.type === 'ImportSpecifier' ? specifier : { imported: undefined };
      imports.set(specifier.local.name, imported?.type === 'Identifier' ? imported.name : '*');
    }
  }
  return imports;
}

/** The SDK's name that an expression means: `fixed`, or `headwater.fixed` of a namespace. */
function sdkName(node: Node, imports: Imports): string | undefined {
  const expression = node as Expression;
  if (expression.type === 'Identifier') return imports.get(expression.name);
  if (expression.type !== 'MemberExpression' || expression.computed) return undefined;
  if (expression.object.type !== 'Identifier') return undefined;
  const isNamespace = imports.get(expression.object.name) === '*';
  return isNamespace && expression.property.type === 'Identifier'
    ? expression.property.name
    : undefined;
}

type Fail = (node: Node, message: string) => never;

function readCall(call: CallExpression, imports: Imports, before: Stream[], fail: Fail) {
  const [name, fields] = call.arguments;
  if (name?.type !== 'Literal' || typeof name.value !== 'string') {
    return fail(name ?? call, `write the stream's name as text: ${EXAMPLE}`);
  }
  if (fields?.type !== 'ObjectExpression' || call.arguments.length !== 2) {
    return fail(fields ?? call, `write the stream's fields in place: ${EXAMPLE}`);
  }
  const types: Record<string, Field<unknown>> = {};
  for (const property of fields.properties) {
    const field = fieldName(property);
    if (field === undefined || field === '__proto__') {
      return fail(property, `write each field as name: type: ${EXAMPLE}`);
    }
    if (Object.hasOwn(types, field))
      return fail(property, `the field '${field}' is declared twice`);
    types[field] = readType((property as Property).value, imports, fail);
  }
  before.push({ name: name.value, fields: types, index: before.length });
}

function fieldName(property: Property | SpreadElement): string | undefined {
  if (property.type !== 'Property' || property.computed) return undefined;
  if (property.key.type === 'Identifier') return property.key.name;
  return property.key.type === 'Literal' ? String(property.key.value) : undefined;
}

function readType(node: Expression, imports: Imports, fail: Fail): Field<unknown> {
  const name = sdkName(node, imports);
  const type = name === undefined ? undefined : types[name];
  if (type !== undefined) return type;
  if (node.type === 'CallExpression' && sdkName(node.callee, imports) === 'fixed') {
    const [digits] = node.arguments;
    const value = digits?.type === 'Literal' ? digits.value : undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 9) {
      return fixed(value);
    }
    return fail(
      node,
      'fixed() takes the number of decimal places, a literal from 0 to 9: fixed(1)',
    );
  }
  return fail(
    node,
    "a field's type is one of the SDK's: int, uint, fixed(1), bool, float, text or bytes",
  );
}
