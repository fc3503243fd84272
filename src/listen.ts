/** Every route of the service on one listener: what a client can reach is this list. */
import { agentKeyRoutes } from "./api/agent-keys.js";
import { apiKeyRoutes } from "./api/api-keys.js";
import { commitmentRoutes } from "./api/commitments.js";
import { complianceProofRoutes } from "./api/compliance-proofs.js";
import { documentRoutes } from "./api/documents/routes.js";
import { inclusionProofRoutes } from "./api/inclusion-proofs.js";
import { ingestRoutes } from "./api/ingest.js";
import { legacyCommitmentRoutes } from "./api/legacy-commitments.js";
import { legacyEventRoutes } from "./api/legacy-events.js";
import { legacyProofRoutes } from "./api/legacy-proofs.js";
import { logRoutes } from "./api/log.js";
import { operationsRoutes } from "./api/operations.js";
import { problemReply } from "./api/problem.js";
import { subscribeRoutes } from "./api/subscribe.js";
import { tlogRoutes } from "./api/tlog.js";
import { validityProofRoutes } from "./api/validity-proofs.js";
import { Authenticator } from "./auth/authenticator.js";
import { systemClock } from "./base/clock.js";
import { CodedError } from "./base/errors.js";
import { type Logger, saidRarely } from "./base/log.js";
import { randomUuid } from "./base/random-uuid.js";
import type { Submissions } from "./base/submissions.js";
import type { Broadcaster } from "./broadcast/broadcaster.js";
import type { EntrySource } from "./broadcast/entry-source.js";
import type { Commitments } from "./commit/commitments.js";
import type { Config } from "./config.js";
import type { Lane } from "./lane/lane.js";
import type { RevokedAgentKey } from "./lane/lane-item.js";
import type { Metrics } from "./ops/metrics.js";
import type { ProofRegistry } from "./proofs/proof-registry.js";
import { encodeNoteKey, NOTE_ED25519 } from "./protocol/signed-note.js";
import type { ServiceKeys } from "./service-keys.js";
import type { CommitmentReader, CommitmentSeries } from "./store/commitment-contract.js";
import type { LogHead, LogReader, ReceiptSigner } from "./store/contract.js";
import type { Tlog } from "./tlog/tlog.js";
import type { CrossOrigin } from "./transport/cross-origin.js";
import { hasNativeTransport } from "./transport/native.js";
import { type Server, startServer } from "./transport/server.js";
import { selectEd25519 } from "./verify/ed25519-native.js";
import type { Verifier } from "./verify/verifier.js";

/** The running parts that routes answer from. */
export interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly keys: ServiceKeys;
  readonly sequencer: ReceiptSigner;
  readonly head: LogHead;
  readonly metrics: Metrics;
  readonly shutdown: AbortSignal;
  readonly crossOrigin: CrossOrigin | null;
  readonly submissions: Submissions;
  readonly verifier: Verifier;
  readonly lane: Lane;
  readonly reader: LogReader & { readonly commitments: Readonly<Record<CommitmentSeries, CommitmentReader>> };
  readonly source: EntrySource;
  readonly broadcaster: Broadcaster;
  readonly tlog: Tlog;
  readonly commitments: Commitments;
  readonly legacyCommitments: Commitments;
  readonly proofs: ProofRegistry;
}

export async function listen(parts: Parts): Promise<Server> {
  const { config, log, keys, metrics } = parts;
  const authenticator = new Authenticator({
    reader: parts.reader,
    bootstrapKeyHash: keys.bootstrapKeyHash,
    jwt:
      config.JWT_SECRET === ""
        ? null
        : { secret: config.JWT_SECRET, issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE },
    isOpen: config.AUTH_MODE === "disabled",
  });
  const publicKey = selectEd25519().publicKey(keys.checkpointSeed);
  const logError = (error: unknown, requestId?: string): void => log.error({ err: error, requestId }, "request failed");
  const refusedFor = saidRarely(systemClock, (reason) => log.error({ reason }, "writes are refused until that ends"));
  const formerSequencers = await parts.reader.formerSequencers(parts.sequencer);
  const shared = { ...parts, authenticator, clock: systemClock };
  return startServer({
    host: config.HOST,
    port: config.PORT,
    routes: [
      ...ingestRoutes({ ...shared, newBatchId: randomUuid, onAnswered: (durationMs) => metrics.ingest(durationMs) }),
      ...logRoutes(shared),
      ...legacyEventRoutes(shared),
      ...agentKeyRoutes({
        ...shared,
        policy: { isProofOptional: config.ALLOW_KEY_REGISTRATION_WITHOUT_POP },
        onRevoked: (key) => noteRevocation(key, metrics, log),
      }),
      ...apiKeyRoutes(shared),
      ...commitmentRoutes(shared),
      ...inclusionProofRoutes(shared),
      ...legacyCommitmentRoutes({ ...shared, commitments: parts.legacyCommitments }),
      ...legacyProofRoutes({ ...shared, commitments: parts.legacyCommitments }),
      ...complianceProofRoutes(shared),
      ...validityProofRoutes({ ...shared, reader: parts.reader.commitments.ves }),
      ...tlogRoutes({ ...shared, noteKey: encodeNoteKey({ name: parts.tlog.origin, type: NOTE_ED25519, publicKey }) }),
      ...documentRoutes(),
      ...operationsRoutes({ ...shared, log: parts.head, formerSequencers, isNativeTransport: hasNativeTransport }),
    ],
    socketRoutes: subscribeRoutes({
      ...shared,
      entriesPerPageMax: config.SEQ_BROADCASTER_PAGE_SIZE,
      catchUpMax: config.SEQ_WS_MAX_CATCHUP_EVENTS,
      onFrames: (entries, bytes) => metrics.frames(entries, bytes),
      onError: (error) => logError(error),
    }),
    limits: { bodyBytesMax: config.MAX_BODY_SIZE_BYTES, pingIntervalS: config.WS_PING_INTERVAL_SECS },
    crossOrigin: parts.crossOrigin,
    requireNativeTransport: config.REQUIRE_NATIVE_TRANSPORT,
    renderProblem: (error, requestId) => {
      const code = error instanceof CodedError ? error.code : "INTERNAL_ERROR";
      metrics.refusal(code);
      if (code === "STORAGE_FULL") refusedFor("the disk is full");
      return problemReply(error, requestId);
    },
    onRequest: (record) => metrics.request(record),
    logError,
  });
}

/** A repeat has a line of its own: the process may have ended between a revocation and its line. */
function noteRevocation(key: RevokedAgentKey, metrics: Metrics, log: Logger): void {
  const { tenantId, agentId, keyId, purpose: keyAlgorithm, revokedAtMs, wasRevokedBefore } = key;
  const facts = { audit: true, tenantId, agentId, keyId, keyAlgorithm, revokedAt: new Date(revokedAtMs).toISOString() };
  if (wasRevokedBefore) {
    log.info(facts, "agent key was revoked before");
    return;
  }
  metrics.revocation();
  log.warn(facts, "agent key revoked");
}
