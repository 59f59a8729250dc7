import { SourceMap } from 'node:module';
import { type AnyNode, type Options, type Program, parse } from 'acorn';
import { analyze, type ScopeManager, type Variable } from 'eslint-scope';
import { findEarly } from './early.js';
import type { Lack, Place } from './lack.js';
import { keyName, walk } from './walk.js';

// Between a bundle and its engine: finds what the engine lacks, by a table of lacks, in the firmware and in the SDK alike. All
// of it at once, each with the place in the author's file and what to write there instead.

export interface Finding {
  lack: Lack;
  /** `file:line:column` */
  where: string;
}

export interface Checked {
  code: string;
  /** The bundle's source map; without one, places are those in the bundle. */
  map?: string;
  /** What the bundle is called where nothing else is known of a place. */
  name: string;
  ecmaVersion: Options['ecmaVersion'];
  sourceType: 'module' | 'script';
  /** It was made by a compiler: what only authors write is not looked for. */
  isOutput: boolean;
}

export function findLacks(checked: Checked, lacks: readonly Lack[]): Finding[] {
  const { code, ecmaVersion, sourceType } = checked;
  const program = parse(code, { ecmaVersion, sourceType, locations: true, ranges: true });
  const place = placeIn(program, sourceType);
  const where = origins(checked);
  const findings = new Map<string, Finding>();
  const sought = lacks.filter((lack) => !(checked.isOutput && lack.inSourceOnly));
  walk(program, (node, parents) => {
    const here = { ...place, parents };
    for (const lack of sought) {
      if (!lack.is(node, here)) continue;
      const finding = { lack, where: where(node) };
      findings.set(`${finding.where} ${lack.what}`, finding);
    }
  });
  return [...findings.values()];
}

/** `firmware.ts:3:7  a label  →  a function that returns` */
export const findingText = ({ lack, where }: Finding): string =>
  `${where}  ${lack.what}  →  ${lack.instead}`;

function placeIn(program: Program, sourceType: 'module' | 'script'): Omit<Place, 'parents'> {
  const scopes = analyze(program as never, { ecmaVersion: 2022, sourceType });
  const variables = variablesOf(scopes);
  const own = new Set<string>();
  walk(program, (node, [parent]) => {
    const isSet =
      node.type !== 'MemberExpression' ||
      (parent?.type === 'AssignmentExpression' && parent.left === node);
    const name = isSet ? keyName(node) : undefined;
    // A length is set by who shortens an array: that alone does not make it a name of the program's.
    if (name !== undefined && !(name === 'length' && node.type === 'MemberExpression')) {
      own.add(name);
    }
  });
  return {
    variable: (identifier) => variables.get(identifier) ?? null,
    scope: (node) => scopes.acquire(node as never),
    isOwnName: (name) => own.has(name),
    early: findEarly(program, scopes, variables),
  };
}

function variablesOf(scopes: ScopeManager): Map<AnyNode, Variable> {
  const variables = new Map<AnyNode, Variable>();
  for (const scope of scopes.scopes) {
    for (const { identifier, resolved } of scope.references) {
      if (resolved) variables.set(identifier as AnyNode, resolved);
    }
    for (const variable of scope.variables) {
      for (const identifier of variable.identifiers) {
        variables.set(identifier as AnyNode, variable);
      }
    }
  }
  return variables;
}

function origins({ map, name }: Checked): (node: AnyNode) => string {
  const sourceMap = map === undefined ? null : new SourceMap(JSON.parse(map));
  return (node) => {
    const { line, column } = node.loc!.start;
    const origin = sourceMap?.findEntry(line - 1, column);
    return origin && 'originalSource' in origin
      ? `${origin.originalSource}:${origin.originalLine + 1}:${origin.originalColumn + 1}`
      : `${name}:${line}:${column + 1}`;
  };
}
