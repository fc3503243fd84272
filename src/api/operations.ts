/** What operators and verifiers ask: is it alive, is it ready, how is it doing, who signs. */
import type { Authenticator } from "../auth/authenticator.js";
import { packageVersion } from "../base/asset-paths.js";
import { toHex } from "../base/bytes.js";
import type { Clock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import type { Metrics } from "../ops/metrics.js";
import { formatRfc3339 } from "../protocol/rfc3339.js";
import type { LogIdentity, LogReader, ReceiptSigner } from "../store/contract.js";
import type { Route } from "../transport/http.js";
import { authorizeAdmin } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { jsonReply } from "./reply.js";

export interface OperationsOptions {
  readonly authenticator: Authenticator;
  readonly reader: LogReader;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: LogIdentity;
  readonly sequencer: ReceiptSigner;
  /** Newest first. */
  readonly formerSequencers: readonly ReceiptSigner[];
  readonly isNativeTransport: boolean;
  /** Aborted when the service goes away. */
  readonly shutdown: AbortSignal;
}

const SERVICE = "stateset-sequencer";

export function operationsRoutes(options: OperationsOptions): Route[] {
  return [healthRoute(options, "healthy"), readyRoute(options), metricsRoute(options), sequencerRoute(options)];
}

export type HealthOptions = Pick<OperationsOptions, "clock" | "isNativeTransport">;

/** `GET /health`: the process answers. Public. */
export function healthRoute({ clock, isNativeTransport }: HealthOptions, status: "healthy" | "upgrading"): Route {
  return {
    method: "GET",
    path: "/health",
    handle: () =>
      jsonReply({
        status,
        service: SERVICE,
        version: packageVersion,
        timestamp: formatRfc3339(clock.nowMs()),
        transport: isNativeTransport ? "native" : "fallback",
      }),
  };
}

/** `GET /ready`: the store answers a read and the service is not going away. Public. */
function readyRoute({ reader, shutdown }: OperationsOptions): Route {
  return {
    method: "GET",
    path: "/ready",
    handle: async () => {
      if (shutdown.aborted) throw new CodedError("SHUTTING_DOWN", "the service is shutting down");
      const startedMs = performance.now();
      await reader.head();
      const responseMs = Math.round((performance.now() - startedMs) * 1000) / 1000;
      return jsonReply({ status: "ready", database: { connected: true, response_time_ms: responseMs }, pool: null });
    },
  };
}

/** `GET /metrics`: Prometheus text. Admins of the whole service. */
function metricsRoute({ authenticator, metrics }: OperationsOptions): Route {
  return authenticated(authenticator, { method: "GET", path: "/metrics" }, async (_, { scope }) => {
    authorizeAdmin(scope, null);
    const { registry } = metrics;
    return { status: 200, headers: { "content-type": registry.contentType }, body: await registry.metrics() };
  });
}

/**
 * `GET /api/v1/sequencer`: what a receipt is checked against, those of before the key or the id changed too. Public: it is
 * what makes receipts verifiable by anyone.
 */
function sequencerRoute({ log, sequencer, formerSequencers }: OperationsOptions): Route {
  const answer = {
    ...signerFacts(sequencer),
    algorithm: "ed25519",
    log_id: log.logId,
    epoch: log.epoch,
    former: formerSequencers.map(signerFacts),
  };
  return { method: "GET", path: "/api/v1/sequencer", handle: () => jsonReply(answer) };
}

function signerFacts({ sequencerId, publicKey }: ReceiptSigner) {
  return { sequencer_id: sequencerId, public_key: toHex(publicKey) };
}
