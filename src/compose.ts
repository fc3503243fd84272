/**
 * The wiring, in the order an entry travels:
 *
 *   bytes -> transport -> ingest route -> submissions -> verifier -> LANE -> store
 *                                             |                        |
 *                                             +--- answers <-----------+--> tail -> broadcaster -> subscriptions
 *
 * Everything started here ends in reverse order.
 */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { agentKeyRoutes } from "./api/agent-keys.js";
import { apiKeyRoutes } from "./api/api-keys.js";
import { commitmentRoutes } from "./api/commitments.js";
import { documentRoutes } from "./api/documents/routes.js";
import { inclusionProofRoutes } from "./api/inclusion-proofs.js";
import { ingestRoute } from "./api/ingest.js";
import { logRoutes } from "./api/log.js";
import { operationsRoutes } from "./api/operations.js";
import { problemReply } from "./api/problem.js";
import { subscribeRoutes } from "./api/subscribe.js";
import { tlogRoutes } from "./api/tlog.js";
import { Authenticator } from "./auth/authenticator.js";
import { migrationsPath } from "./base/asset-paths.js";
import { systemClock } from "./base/clock.js";
import { Disposals } from "./base/disposal.js";
import { CodedError } from "./base/errors.js";
import { randomUuid } from "./base/ids.js";
import type { Logger } from "./base/log.js";
import { Submissions } from "./base/submissions.js";
import { Broadcaster } from "./broadcast/broadcaster.js";
import { EntrySource } from "./broadcast/entry-source.js";
import { Tail } from "./broadcast/tail.js";
import { type CommitmentLimits, Commitments, type CommitmentsOptions } from "./commit/commitments.js";
import { type Config, ConfigError } from "./config.js";
import { Lane } from "./lane/lane.js";
import type { LaneWorkerData } from "./lane/lane-message.js";
import { Metrics } from "./ops/metrics.js";
import { shutDown } from "./ops/shutdown.js";
import { encodeNoteKey, NOTE_ED25519 } from "./protocol/signed-note.js";
import { readServiceKeys, type ServiceKeys } from "./service-keys.js";
import type { LogHead, LogReader, SequencerIdentity } from "./store/contract.js";
import type { CheckpointWorkerData } from "./store/sqlite/checkpoint.js";
import { startCheckpointer } from "./store/sqlite/checkpointer.js";
import { lockFolder } from "./store/sqlite/folder-lock.js";
import { SqliteReaderPool } from "./store/sqlite/reader-pool.js";
import { Tlog } from "./tlog/tlog.js";
import { readTlogOptions, type TlogOptions } from "./tlog-options.js";
import { hasNativeTransport } from "./transport/native.js";
import { type Server, startServer } from "./transport/server.js";
import { selectEd25519 } from "./verify/ed25519-native.js";
import { KeyDirectory } from "./verify/key-directory.js";
import { Verifier } from "./verify/verifier.js";
import type { VerifyWorkerData } from "./verify/verify-task.js";

export interface Service {
  readonly address: string;
  readonly port: number;
  readonly head: LogHead;
  readonly keys: ServiceKeys;
  /** Unready, stop accepting, answer every waiter, close sockets with 1001, close the store. */
  stop(): Promise<void>;
}

/** `onFatal`: the process must end now; what is in memory may be ahead of the disk. */
export async function startService(config: Config, log: Logger, onFatal: (error: Error) => void): Promise<Service> {
  const disposals = new Disposals();
  try {
    return await compose(config, log, onFatal, disposals);
  } catch (error) {
    await disposals[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(
  config: Config,
  log: Logger,
  onFatal: (error: Error) => void,
  disposals: Disposals,
): Promise<Service> {
  refuseOpenAccess(config);
  const folder = resolve(config.DATA_DIR);
  disposals.use(lockFolder(folder));
  const keys = readServiceKeys(config, folder);
  const sequencer = { sequencerId: keys.sequencerId, publicKey: selectEd25519().publicKey(keys.signingSeed) };
  const tlogOptions = readTlogOptions(config, folder, keys);
  const metrics = new Metrics();
  const shutdown = new AbortController();
  const keyEpoch = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const submissions = new Submissions({
    requestsMax: config.SEQ_OVERLOAD_MAX_INFLIGHT_SUBMISSIONS,
    bytesMax: config.MAX_INFLIGHT_BYTES,
  });

  const { lane, head } = await Lane.start({
    worker: laneWorker(config, folder, keys, keyEpoch, tlogOptions),
    submissions,
    queueEventsMax: config.SEQ_QUEUE_CAP,
    onFailure: onFatal,
  });
  disposals.use(lane);
  disposals.use(startCheckpointer(checkpointWorker(config, folder), (mode) => metrics.checkpoint(mode), onFatal));
  const tlog = disposals.use(startTlog(config, tlogOptions, head, metrics, log));
  const { PAGE_BYTES_MAX: pageBytesMax, READ_THREADS: threads } = config;
  const reader = disposals.use(new SqliteReaderPool({ folder, pageBytesMax, threads }));
  const tail = new Tail(head.nextOffset, { bytesMax: config.TAIL_BYTES_MAX, pageBytesMax });
  const source = new EntrySource(head, tail, reader);
  const broadcaster = new Broadcaster(config.SEQ_WS_MAX_SUBSCRIBERS);
  const verifier = disposals.use(
    new Verifier({
      worker: verifyWorker(config, keyEpoch),
      threads: config.VERIFY_THREADS || availableParallelism(),
      keys: new KeyDirectory({ reader, keyEpoch, ...keyCacheBounds(config) }),
      lane,
      submissions,
      onFailure: (error) => log.error({ err: error }, "verification failed"),
      onTask: (result) => metrics.verified(result),
    }),
  );
  lane.follow({
    onChunk: (chunk, page) => {
      metrics.chunk(chunk);
      if (page === null) return;
      tlog.noteChunk(page.nextOffset);
      tail.append(page);
      broadcaster.wake();
    },
    onRoom: () => verifier.pump(),
  });
  const chain = { folder, reader, lane, shutdown: shutdown.signal, limits: commitmentLimits(config) };
  const commitments = disposals.use(startCommitments(chain, metrics, log));
  watchGauges(metrics, { submissions, lane, broadcaster, tail, commitments, tlog });

  const server = disposals.use(
    await listen({
      ...{ config, log, keys, sequencer, head, metrics, shutdown: shutdown.signal },
      ...{ submissions, verifier, lane, reader, source, broadcaster, commitments, tlog },
    }),
  );
  const stop = () =>
    shutDown({ shutdown, server, submissions, disposals, endSubscriptions: () => broadcaster.endAll() });
  return { address: server.address, port: server.port, head, keys, stop };
}

/** A folder that may not sign any more says so loudly and goes on without checkpoints: the log itself is whole. */
function startTlog(config: Config, options: TlogOptions, head: LogHead, metrics: Metrics, log: Logger): Tlog {
  return new Tlog({
    worker: options.worker(head),
    questionsMax: config.TLOG_QUESTIONS_MAX,
    onCheckpoint: (lagMs) => metrics.treeSigned(lagMs),
    onWarning: (text) => log.warn({ text }, "checkpoints"),
    onRefused: (reason) => log.error({ reason }, "no checkpoints are signed; see TLOG_TAKE_OVER"),
  });
}

function laneWorker(
  config: Config,
  folder: string,
  keys: ServiceKeys,
  keyEpoch: SharedArrayBuffer,
  { takeOver }: TlogOptions,
): LaneWorkerData {
  return {
    folder,
    migrationsFolder: migrationsPath("sqlite"),
    freshLogId: randomUuid(),
    sequencerId: keys.sequencerId,
    signingSeed: keys.signingSeed,
    chunkEventsMax: config.SEQ_MAX_USER_OPS_PER_CHUNK,
    rejectionsKeptMax: config.REJECTIONS_KEPT_MAX,
    keyEpoch,
    ...(takeOver === undefined ? {} : { takeOver }),
  };
}

function verifyWorker(config: Config, keyEpoch: SharedArrayBuffer): VerifyWorkerData {
  return {
    limits: { eventsPerBatchMax: config.MAX_EVENTS_PER_BATCH, eventPayloadBytesMax: config.MAX_EVENT_PAYLOAD_SIZE },
    rules: {
      entityTypes: config.ALLOWED_ENTITY_TYPES.split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
      futureMsMax: config.MAX_EVENT_FUTURE_SECS * 1000,
      isSchemaRequired: config.SCHEMA_VALIDATION_MODE === "required",
    },
    keyEpoch,
    keyCacheEntriesMax: config.CACHE_AGENT_KEY_MAX,
  };
}

function keyCacheBounds(config: Config): { entriesMax: number; ttlMs: number } {
  return { entriesMax: config.CACHE_AGENT_KEY_MAX, ttlMs: config.CACHE_AGENT_KEY_TTL_SECS * 1000 };
}

function startCommitments(
  chain: Pick<CommitmentsOptions, "folder" | "reader" | "lane" | "shutdown" | "limits">,
  metrics: Metrics,
  log: Logger,
): Commitments {
  return new Commitments({
    ...chain,
    clock: systemClock,
    newBatchId: randomUuid,
    onCommitted: (treeDepth, trigger, durationMs) => metrics.committed(trigger, treeDepth, durationMs),
    onFailure: (error) => log.warn({ err: error }, "automatic commitment failed; it is tried again"),
  });
}

function commitmentLimits(config: Config): CommitmentLimits {
  return {
    eventsMax: config.VES_COMMIT_EVENTS_MAX,
    buildsMax: config.VES_COMMIT_BUILDS_MAX,
    treeBytesMax: config.CACHE_VES_TREE_BYTES_MAX,
    commitmentCache: {
      entriesMax: config.CACHE_VES_COMMITMENT_MAX,
      ttlMs: config.CACHE_VES_COMMITMENT_TTL_SECS * 1000,
    },
    proofCache: { entriesMax: config.CACHE_VES_PROOF_MAX, ttlMs: config.CACHE_VES_PROOF_TTL_SECS * 1000 },
    automatic: {
      events: config.VES_COMMIT_EVENTS_THRESHOLD,
      ageMs: config.VES_COMMIT_AGE_SECS * 1000,
      intervalMs: config.VES_COMMIT_INTERVAL_MS,
    },
  };
}

function checkpointWorker(config: Config, folder: string): CheckpointWorkerData {
  const { WAL_BYTES_TARGET: walBytesTarget, WAL_BYTES_MAX: walBytesMax, CHECKPOINT_INTERVAL_MS: intervalMs } = config;
  return { folder, policy: { walBytesTarget, walBytesMax, intervalMs } };
}

function watchGauges(
  metrics: Metrics,
  parts: Pick<Parts, "submissions" | "lane" | "broadcaster" | "commitments" | "tlog"> & { tail: Tail },
): void {
  const { submissions, lane, broadcaster, tail, commitments, tlog } = parts;
  metrics.watch({
    queueRequests: () => submissions.requests,
    queueBytes: () => submissions.bytes,
    laneQueueEvents: () => lane.queuedEvents,
    subscribers: () => broadcaster.subscribers,
    headOffset: () => tail.nextOffset,
    subscriberLag: () => tail.nextOffset - (broadcaster.slowestCursor() ?? tail.nextOffset),
    tailBytes: () => tail.bytes,
    treeSize: () => tlog.size,
    treeLagMs: () => tlog.lagMs,
    merkleBuilds: () => commitments.builder.builds,
    merkleTreeBytes: () => commitments.trees.bytes,
  });
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly keys: ServiceKeys;
  readonly sequencer: SequencerIdentity;
  readonly head: LogHead;
  readonly metrics: Metrics;
  readonly shutdown: AbortSignal;
  readonly submissions: Submissions;
  readonly verifier: Verifier;
  readonly lane: Lane;
  readonly reader: LogReader;
  readonly source: EntrySource;
  readonly broadcaster: Broadcaster;
  readonly tlog: Tlog;
  readonly commitments: Commitments;
}

/** Every route of the service, on one listener. */
function listen(parts: Parts): Promise<Server> {
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
  const shared = { ...parts, authenticator, clock: systemClock };
  return startServer({
    host: config.HOST,
    port: config.PORT,
    routes: [
      ingestRoute({ ...shared, newBatchId: randomUuid, onAnswered: (durationMs) => metrics.ingest(durationMs) }),
      ...logRoutes(shared),
      ...agentKeyRoutes({
        ...shared,
        policy: { isProofOptional: config.ALLOW_KEY_REGISTRATION_WITHOUT_POP },
        onRevoked: ({ tenantId, agentId, keyId }) => {
          metrics.revocation();
          log.warn({ audit: true, tenantId, agentId, keyId }, "agent key revoked");
        },
      }),
      ...apiKeyRoutes(shared),
      ...commitmentRoutes(shared),
      ...inclusionProofRoutes(shared),
      ...tlogRoutes({ ...shared, noteKey: encodeNoteKey({ name: parts.tlog.origin, type: NOTE_ED25519, publicKey }) }),
      ...documentRoutes(),
      ...operationsRoutes({ ...shared, log: parts.head, isNativeTransport: hasNativeTransport }),
    ],
    socketRoutes: subscribeRoutes({
      ...shared,
      entriesPerPageMax: config.SEQ_BROADCASTER_PAGE_SIZE,
      catchUpMax: config.SEQ_WS_MAX_CATCHUP_EVENTS,
      onFrames: (entries, bytes) => metrics.frames(entries, bytes),
      onError: (error) => logError(error),
    }),
    limits: { bodyBytesMax: config.MAX_BODY_SIZE_BYTES, pingIntervalS: config.WS_PING_INTERVAL_SECS },
    requireNativeTransport: config.REQUIRE_NATIVE_TRANSPORT,
    renderProblem: (error, requestId) => {
      metrics.refusal(error instanceof CodedError ? error.code : "INTERNAL_ERROR");
      return problemReply(error, requestId);
    },
    onRequest: (record) => metrics.request(record),
    logError,
  });
}

/** Open access is for a developer's own machine: it takes two switches and a loopback address. */
function refuseOpenAccess(config: Config): void {
  if (config.AUTH_MODE !== "disabled") return;
  const problems: string[] = [];
  if (!config.ALLOW_AUTH_DISABLED) problems.push("AUTH_MODE=disabled needs ALLOW_AUTH_DISABLED=true");
  if (!LOOPBACK.has(config.HOST)) problems.push(`AUTH_MODE=disabled needs a loopback HOST, not "${config.HOST}"`);
  if (problems.length > 0) throw new ConfigError(problems);
}

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);
