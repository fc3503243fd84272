import type { Authenticator } from "../auth/authenticator.js";
import type { UuidSource } from "../base/ids.js";
import type { Submissions } from "../base/submissions.js";
import type { Route } from "../transport/http.js";
import type { Scope } from "../verify/scope.js";
import type { Verifier } from "../verify/verifier.js";
import type { IngestForm } from "../verify/verify-request.js";
import { authenticated } from "./access.js";

export interface IngestRouteOptions {
  readonly authenticator: Authenticator;
  readonly submissions: Submissions;
  readonly verifier: Verifier;
  readonly newBatchId: UuidSource;
  /** Milliseconds from admission to the durable answer. */
  onAnswered(durationMs: number): void;
}

/** A body up to here is somebody's few events, waited for one by one; above it is bulk. */
const FEW_EVENTS_BYTES_MAX = 16 * 1024;

/**
 * Whose share a request takes of the queue and of the workers: its tenant's, small requests apart from bulk, so that
 * neither another tenant's flood nor its own bulk upload delays a single event. Requests in flight together have no order.
 */
function flowOf({ tenantId }: Scope, bytes: number): string {
  const tenant = tenantId ?? "";
  // No text is made for small requests, of which there are so many.
  return bytes <= FEW_EVENTS_BYTES_MAX ? tenant : `${tenant}/bulk`;
}

/**
 * `POST /api/v1/ves/events/ingest` (ves-protocol §4.2) and `POST /api/v1/events/ingest` (wire-api A.3), whose events carry
 * no signature: the credential vouches. This thread only admits the body and sends the answer: parsing and signatures are
 * the workers', the order and the answer's bytes are the lane's.
 */
export function ingestRoutes(options: IngestRouteOptions): Route[] {
  return [
    ingestRoute(options, "/api/v1/ves/events/ingest", "ves"),
    ingestRoute(options, "/api/v1/events/ingest", "legacy"),
  ];
}

function ingestRoute(options: IngestRouteOptions, path: string, form: IngestForm): Route {
  const { authenticator, submissions, verifier, newBatchId, onAnswered } = options;
  const route = { method: "POST", path, body: "json" } as const;
  return authenticated(authenticator, route, ({ body }, { scope, credential }) => {
    const startedMs = performance.now();
    const flow = flowOf(scope, body.length);
    const { requestId, answer } = submissions.open<Uint8Array>(body.length, flow);
    const by = form === "legacy" ? credential : null;
    verifier.verify({ form, requestId, batchId: newBatchId(), scope, by, body }, flow);
    return answer.then((reply) => {
      onAnswered(performance.now() - startedMs);
      return { status: 200, body: reply };
    });
  });
}
