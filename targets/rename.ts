import { type AnyNode, parse } from 'acorn';
import { walk } from './lacks/walk.js';

// A variable that a minifier called by a name which the engine can't take gets another one. Properties keep theirs.

/** Renames the variables called `name` in a script. */
export function rename(code: string, name: string): string {
  if (!new RegExp(`\\b${name}\\b`).test(code)) return code;
  let fresh = `${name}_`;
  while (code.includes(fresh)) fresh += '_';
  const places = new Map<number, string>();
  walk(
    parse(code, { ecmaVersion: 'latest', sourceType: 'script' }) as AnyNode,
    (node, [parent]) => {
      if (node.type !== 'Identifier' || node.name !== name) return;
      if (parent?.type === 'MemberExpression' && parent.property === node && !parent.computed)
        return;
      if (parent?.type === 'Property' || parent?.type === 'MethodDefinition') {
        const isShort = parent.type === 'Property' && parent.shorthand;
        if (parent.key === node && !parent.computed && !isShort) return;
        // Both the key and the value of a short one lie here.
        places.set(node.start, isShort ? `${name}:${fresh}` : fresh);
      } else places.set(node.start, fresh);
    },
  );
  let renamed = '';
  let end = 0;
  for (const [start, text] of [...places].sort(([a], [b]) => a - b)) {
    renamed += code.slice(end, start) + text;
    end = start + name.length;
  }
  return renamed + code.slice(end);
}
