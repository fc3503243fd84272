/**
 * A clean end, in the order that keeps every promise (OPS-07): unready, every request that arrived answered to its last
 * byte, no new connections, sockets told to come back (1001), then everything else in reverse order of its start.
 */
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { Submissions } from "../base/submissions.js";
import type { Server } from "../transport/server.js";

/** A client that does not finish its request, or take its reply or its entries, is waited for no longer than this, each. */
const GRACE_MS = 5_000;
const ANSWER_LOOK_MS = 5;

export interface ShutdownParts {
  /** Aborted first: readiness and new work refuse from then on. */
  readonly shutdown: AbortController;
  readonly server: Server;
  readonly submissions: Submissions;
  /** Ends every subscription with 1001; resolves when all are gone. */
  endSubscriptions(): Promise<void>;
  /** Everything that was started. */
  readonly disposals: AsyncDisposable;
}

export async function shutDown({ shutdown, server, submissions, ...parts }: ShutdownParts): Promise<void> {
  shutdown.abort();
  server.closeAfterReplies();
  await readWhatArrived();
  server.stopAccepting();
  await submissions.close();
  await allAnswered(server);
  await Promise.race([parts.endSubscriptions(), delay(GRACE_MS, undefined, { ref: false })]);
  await parts.disposals[Symbol.asyncDispose]();
}

/** Every request that has arrived gets its reply out before its connection is closed under it. */
async function allAnswered(server: Server): Promise<void> {
  const endMs = performance.now() + GRACE_MS;
  await readWhatArrived();
  while (server.openRequests() > 0 && performance.now() < endMs) await delay(ANSWER_LOOK_MS);
}

/** One whole poll of the event loop: clients the kernel has connected are accepted, and what they sent is read. */
async function readWhatArrived(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
