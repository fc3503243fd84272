/**
 * Assertions for states that cannot happen. A failed assertion is a bug or a damaged disk, never bad input: the process
 * stops and recovers from durable rows on the next start.
 */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
