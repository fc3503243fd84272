/** What a thread throws, with its message: errors of native modules would arrive at another thread as their `code` alone. */
import { types } from "node:util";

/**
 * What was thrown, as something that keeps message and stack on the way; the stack names the step. SQLite's messages name tables
 * and columns, never values. `where` goes before the message.
 */
export function errorToSend(thrown: unknown, where = ""): unknown {
  if (types.isNativeError(thrown) || !(thrown instanceof Error)) return thrown;
  const { code, message, stack = "" } = thrown as Error & { readonly code?: string };
  const sent = new Error(`${where}${code === undefined ? "" : `${code}: `}${message}`);
  const callsAt = stack.indexOf("\n    at ");
  if (callsAt >= 0) sent.stack = `${sent}${stack.slice(callsAt)}`;
  return sent;
}

/** Called first in a worker's module: whatever ends its thread is told as `errorToSend` does. */
export function tellWhatEndsThread(name: string): void {
  process.setUncaughtExceptionCaptureCallback((thrown) => {
    throw errorToSend(thrown, `the ${name} thread failed: `);
  });
}
