/** What is answered while a log of an older version is upgraded: that the process is well, and that it is not ready yet. */
import { CodedError } from "../base/errors.js";
import type { UpgradeStep } from "../store/sqlite/migrate.js";
import type { HttpReply, Route } from "../transport/http.js";
import { type HealthOptions, healthRoute } from "./operations.js";
import { problemReply } from "./problem.js";

/** An upgrade takes seconds: who asks each of them learns nothing. */
const RETRY_AFTER_SECONDS = 5;

/** `GET /health`, and nothing else. */
export function upgradingRoutes(options: HealthOptions): Route[] {
  return [healthRoute(options, "upgrading")];
}

/** SERVICE_UNAVAILABLE, with how far it is. */
export function upgradingProblem({ migration, entries, done }: UpgradeStep, requestId: string): HttpReply {
  const rows = done !== null && typeof done === "object" ? `, ${done.table} has ${done.rows}` : "";
  const detail = `the log of ${entries} entries is being upgraded: ${migration}${rows}`;
  return problemReply(
    new CodedError("SERVICE_UNAVAILABLE", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS }),
    requestId,
  );
}
