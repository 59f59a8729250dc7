/** A mistake in a person's firmware or command: each line says where, what, and what to write. */
export class BuildError extends Error {
  override name = 'BuildError';
}
