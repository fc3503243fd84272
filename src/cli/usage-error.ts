/** A command was called with arguments it cannot work with: exit code 2, nothing done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
