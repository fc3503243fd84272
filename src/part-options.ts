/** From the options table to what each part of the service takes. */
import { availableParallelism } from "node:os";
import { migrationsPath } from "./base/asset-paths.js";
import type { OnDemandThreadsOptions } from "./base/on-demand-threads.js";
import { randomUuid } from "./base/random-uuid.js";
import type { SubmissionLimits } from "./base/submissions.js";
import type { CommitmentLimits } from "./commit/commitments.js";
import { type Config, ConfigError, itemsOf } from "./config.js";
import type { LaneWorkerData } from "./lane/lane-message.js";
import type { ProofWorkersOptions } from "./proofs/proof-workers.js";
import type { ServiceKeys } from "./service-keys.js";
import { PageRing } from "./store/page-ring.js";
import type { WalCheckpointWorkerData } from "./store/sqlite/wal-checkpoint.js";
import { WriterPause } from "./store/sqlite/writer-pause.js";
import type { TlogSetup } from "./tlog-options.js";
import { ANY_ORIGIN, CrossOrigin, isOrigin } from "./transport/cross-origin.js";
import type { VerifyWorkerData } from "./verify/verify-task.js";

/** What threads tell each other by shared memory: the revocation epoch, and when the lane pauses. */
export function sharedCells(): Required<Pick<LaneWorkerData, "keyEpoch" | "writerPause">> {
  return { keyEpoch: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT), writerPause: WriterPause.allocate() };
}

export function laneWorker(
  config: Config,
  folder: string,
  keys: ServiceKeys,
  shared: Pick<LaneWorkerData, "keyEpoch" | "writerPause">,
  { takeOver, leafRing }: TlogSetup,
): LaneWorkerData {
  return {
    folder,
    migrationsFolder: migrationsPath("sqlite"),
    freshLogId: randomUuid(),
    sequencerId: keys.sequencerId,
    signingSeed: keys.signingSeed,
    chunkEventsMax: config.SEQ_MAX_USER_OPS_PER_CHUNK,
    rejectionsKeptMax: config.REJECTIONS_KEPT_MAX,
    upgradeSliceEntries: config.UPGRADE_SLICE_ENTRIES,
    ...shared,
    leafRing,
    pageRing: PageRing.allocate(config.TAIL_BYTES_MAX),
    ...(takeOver === undefined ? {} : { takeOver }),
  };
}

export function verifyWorker(config: Config, keyEpoch: SharedArrayBuffer): VerifyWorkerData {
  return {
    limits: { eventsPerBatchMax: config.MAX_EVENTS_PER_BATCH, eventPayloadBytesMax: config.MAX_EVENT_PAYLOAD_SIZE },
    rules: {
      entityTypes: itemsOf(config.ALLOWED_ENTITY_TYPES),
      futureMsMax: config.MAX_EVENT_FUTURE_SECS * 1000,
      isSchemaRequired: config.SCHEMA_VALIDATION_MODE === "required",
    },
    keyEpoch,
    keyCacheEntriesMax: config.CACHE_AGENT_KEY_MAX,
  };
}

export function keyCacheBounds(config: Config): { entriesMax: number; ttlMs: number } {
  return { entriesMax: config.CACHE_AGENT_KEY_MAX, ttlMs: config.CACHE_AGENT_KEY_TTL_SECS * 1000 };
}

export function commitmentLimits(config: Config): CommitmentLimits {
  return {
    eventsMax: config.VES_COMMIT_EVENTS_MAX,
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

export function walCheckpointWorker(
  config: Config,
  folder: string,
  writerPause: SharedArrayBuffer,
): WalCheckpointWorkerData {
  const { WAL_BYTES_TARGET: walBytesTarget, WAL_BYTES_MAX: walBytesMax, CHECKPOINT_INTERVAL_MS: intervalMs } = config;
  return { folder, policy: { walBytesTarget, walBytesMax, intervalMs }, writerPause };
}

export function submissionLimits(config: Config): SubmissionLimits {
  return { requestsMax: config.SEQ_OVERLOAD_MAX_INFLIGHT_SUBMISSIONS, bytesMax: config.MAX_INFLIGHT_BYTES };
}

/**
 * Twice what keeps one lane busy with events of agents that it has never seen. Each is 7 MB before it has done anything, and in a
 * container that may use two processors of 64 Node counts all of them.
 */
const VERIFY_THREADS_MAX = 4;

export function verifyThreads(config: Config, processors = availableParallelism()): number {
  return config.VERIFY_THREADS || Math.min(VERIFY_THREADS_MAX, processors);
}

const PROOF_THREADS_MAX = 4;

export function proofWorkerBounds(
  config: Config,
): Omit<ProofWorkersOptions, "onVerified" | keyof OnDemandThreadsOptions> {
  return {
    threads: config.VES_STARK_VERIFY_CONCURRENCY || proofThreads(availableParallelism()),
    queueMax: config.VES_STARK_VERIFY_QUEUE,
    bytesMax: config.VES_STARK_VERIFY_QUEUE_BYTES,
    deadlineMs: config.VES_STARK_VERIFY_TIMEOUT_SECS * 1000,
    acceptance: { profiles: config.VES_STARK_ACCEPT_DEFAULT_PROFILE ? ["secure", "default"] : ["secure"] },
  };
}

/** Half of the processors: the rest is for what is waited for. */
function proofThreads(processors: number): number {
  return Math.min(PROOF_THREADS_MAX, Math.max(1, processors >> 1));
}

/** Throws ConfigError for an origin that no browser would ever write. */
export function crossOriginOf({ CORS_ALLOW_ORIGINS: list }: Config): CrossOrigin | null {
  const origins = itemsOf(list);
  if (origins.length === 0) return null;
  const problems = origins
    .filter((item) => item !== ANY_ORIGIN && !isOrigin(item))
    .map(
      (item) => `CORS_ALLOW_ORIGINS: "${item}" is no origin: scheme, host and a port that is not the default, no path`,
    );
  if (origins.length > 1 && origins.includes(ANY_ORIGIN)) problems.push("CORS_ALLOW_ORIGINS: * stands alone");
  if (problems.length > 0) throw new ConfigError(problems);
  return new CrossOrigin(origins);
}

/** Open access is for a developer's own machine: it takes two switches and a loopback address. */
export function refuseOpenAccess(config: Config): void {
  if (config.AUTH_MODE !== "disabled") return;
  const problems: string[] = [];
  if (!config.ALLOW_AUTH_DISABLED) problems.push("AUTH_MODE=disabled needs ALLOW_AUTH_DISABLED=true");
  if (!LOOPBACK.has(config.HOST)) problems.push(`AUTH_MODE=disabled needs a loopback HOST, not "${config.HOST}"`);
  if (problems.length > 0) throw new ConfigError(problems);
}

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);
