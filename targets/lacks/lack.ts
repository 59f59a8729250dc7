import type { AnyNode } from 'acorn';
import type { Scope, Variable } from 'eslint-scope';

// What an engine lacks, as data: targets/lacks/espruino.ts and es5.ts are tables of these, docs/TARGETS.md shows them,
// check.ts finds them in a bundle.

export interface Lack {
  /** Names the construct: the first words of the message. */
  what: string;
  /** What the engine does with it. */
  happens: string;
  /** What to write instead: the message's last words. */
  instead: string;
  /** A few statements that hold it once. */
  example: string;
  /** Whether a node is it. */
  is(node: AnyNode, place: Place): boolean;
  /**
   * Looked for in what the firmware's authors wrote only: a minifier brings in none, and turns `thing['flat']()`, the way
   * to say "a method of my own", into `thing.flat()`.
   */
  inSourceOnly?: true;
}

/** Where a node stands. */
export interface Place {
  /** What holds it, the nearest first. */
  parents: readonly AnyNode[];
  /** What an identifier means; null: it is declared nowhere, so the engine or the host has it. */
  variable(identifier: AnyNode): Variable | null;
  /** The scope that a node opens. */
  scope(node: AnyNode): Scope | null;
  /** Whether the program itself gives this name to a property or a method. */
  isOwnName(name: string): boolean;
  /** What is run before it is there: identifiers that are read while their declaration is still to come. */
  early: ReadonlySet<AnyNode>;
}
