// What the published package would hold, and what its files ask for: the graph of its modules and types from what it offers to others.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'acorn';
import { projectFolder } from '../kafka/jars.js';

export interface Package {
  exports: Record<string, string>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** As it is now: the build under test, without prepack's. */
export async function packedFiles(): Promise<string[]> {
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', words, { cwd: projectFolder });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path);
}

export async function readPackage(): Promise<Package> {
  return JSON.parse(await readFile(join(projectFolder, 'package.json'), 'utf8'));
}

export interface Reached {
  /** Paths in the project. */
  files: Set<string>;
  /** Names of packages, with one file that asks for each. */
  packages: Map<string, string>;
  /** What is read beside the code: files and folders. */
  beside: Set<string>;
}

/** From `entries` on, as far as imports go. A file that is not there is reached as well. */
export async function reach(entries: readonly string[]): Promise<Reached> {
  const reached: Reached = { files: new Set(), packages: new Map(), beside: new Set() };
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.files.has(file)) continue;
    reached.files.add(file);
    if (!existsSync(join(projectFolder, file))) continue;
    const isTypes = file.endsWith('.d.ts');
    const text = await readFile(join(projectFolder, file), 'utf8');
    const { imports, urls } = isTypes ? typesOf(text) : modulesOf(text);
    for (const name of imports) {
      if (name.startsWith('.')) {
        const path = normalize(join(dirname(file), name));
        waiting.push(isTypes ? path.replace(/\.js$/, '.d.ts') : path);
      } else if (!name.startsWith('node:')) reached.packages.set(packageOf(name), file);
    }
    for (const url of urls) {
      const path = normalize(join(dirname(file), url));
      if (path.startsWith('dist/') && path.endsWith('.js')) waiting.push(path);
      else reached.beside.add(path);
    }
  }
  return reached;
}

interface Asked {
  imports: string[];
  /** `new URL('…', import.meta.url)`. */
  urls: string[];
}

function typesOf(text: string): Asked {
  const found = text.matchAll(/(?:\bfrom |\bimport\()['"]([^'"]+)['"]/g);
  return { imports: [...found].map(([, name = '']) => name), urls: [] };
}

type Node = { type: string } & Record<string, unknown>;

function modulesOf(text: string): Asked {
  const asked: Asked = { imports: [], urls: [] };
  const options = { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true } as const;
  visit(parse(text, options) as unknown as Node, (node) => {
    const name = textOf(node.source) ?? requiredBy(node);
    if (name !== null) asked.imports.push(name);
    const isUrl = node.type === 'NewExpression' && (node.callee as Node).name === 'URL';
    const [url, base] = isUrl ? (node.arguments as Node[]) : [];
    if (base?.type !== 'MemberExpression') return;
    const path = textOf(url);
    if (path !== null) asked.urls.push(path);
  });
  return asked;
}

/** `require('x')`, `require.resolve('x/…')`, and what createRequire's answer is called with. */
function requiredBy(node: Node): string | null {
  if (node.type !== 'CallExpression') return null;
  const callee = node.callee as Node;
  const target = callee.type === 'MemberExpression' ? (callee.object as Node) : callee;
  const isRequire =
    target.name === 'require' || (target.callee as Node | undefined)?.name === 'createRequire';
  return isRequire ? textOf((node.arguments as Node[])[0]) : null;
}

/** Of a literal, or of a template up to what is filled in. */
function textOf(node: unknown): string | null {
  const { type, value, quasis } = (node ?? {}) as Record<string, unknown>;
  if (type === 'Literal' && typeof value === 'string') return value;
  if (type !== 'TemplateLiteral') return null;
  const [first] = quasis as { value: { cooked: string } }[];
  return first?.value.cooked ?? null;
}

function visit(node: Node, look: (node: Node) => void): void {
  look(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') visit(child as Node, look);
    }
  }
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}
