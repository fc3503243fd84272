import type { Authenticator } from "../auth/authenticator.js";
import type { UuidSource } from "../base/ids.js";
import type { Submissions } from "../base/submissions.js";
import type { Route } from "../transport/http.js";
import type { Verifier } from "../verify/verifier.js";
import { authenticated } from "./access.js";

export interface IngestRouteOptions {
  readonly authenticator: Authenticator;
  readonly submissions: Submissions;
  readonly verifier: Verifier;
  readonly newBatchId: UuidSource;
  /** Milliseconds from admission to the durable answer. */
  onAnswered(durationMs: number): void;
}

/**
 * `POST /api/v1/ves/events/ingest` (ves-protocol §4.2). This thread only admits the body and sends the answer: parsing
 * and signatures are the workers', the order and the answer's bytes are the lane's.
 */
export function ingestRoute(options: IngestRouteOptions): Route {
  const { authenticator, submissions, verifier, newBatchId, onAnswered } = options;
  const route = { method: "POST", path: "/api/v1/ves/events/ingest", body: "json" } as const;
  return authenticated(authenticator, route, async ({ body }, { scope }) => {
    const startedMs = performance.now();
    const { requestId, answer } = submissions.open<Uint8Array>(body.length);
    verifier.verify({ requestId, batchId: newBatchId(), scope, body });
    const reply = await answer;
    onAnswered(performance.now() - startedMs);
    return { status: 200, body: reply };
  });
}
