/**
 * The wiring, in the order an entry travels:
 *
 *   bytes -> transport -> ingest route -> submissions -> verifier -> LANE -> store
 *                                             |                        |
 *                                             +--- answers <-----------+--> tail -> broadcaster -> subscriptions
 *
 * Everything started here ends in reverse order.
 */
import { resolve } from "node:path";
import { systemClock } from "./base/clock.js";
import { Disposals } from "./base/disposal.js";
import { type Logger, saidRarely } from "./base/log.js";
import type { OnDemandThreadsOptions } from "./base/on-demand-threads.js";
import { randomUuid } from "./base/random-uuid.js";
import { Submissions } from "./base/submissions.js";
import { ThreadStarts } from "./base/thread-starts.js";
import { Broadcaster } from "./broadcast/broadcaster.js";
import { EntrySource } from "./broadcast/entry-source.js";
import { KeptPages } from "./broadcast/kept-pages.js";
import { Tail } from "./broadcast/tail.js";
import { Commitments, type CommitmentsOptions } from "./commit/commitments.js";
import { TreeBuilder } from "./commit/tree-builder.js";
import type { Config } from "./config.js";
import { Lane } from "./lane/lane.js";
import { listen, type Parts } from "./listen.js";
import { Metrics } from "./ops/metrics.js";
import { shutDown } from "./ops/shutdown.js";
import {
  commitmentLimits,
  crossOriginOf,
  keyCacheBounds,
  laneWorker,
  proofWorkerBounds,
  refuseOpenAccess,
  sharedCells,
  submissionLimits,
  verifyThreads,
  verifyWorker,
  walCheckpointWorker,
} from "./part-options.js";
import { ProofRegistry, type ProofRegistryOptions } from "./proofs/proof-registry.js";
import { ProofWorkers, type StarkOutcome } from "./proofs/proof-workers.js";
import { readServiceKeys, type ServiceKeys } from "./service-keys.js";
import type { LogHead } from "./store/contract.js";
import { lockFolder } from "./store/sqlite/folder-lock.js";
import type { FoundLog } from "./store/sqlite/open-lane-store.js";
import { SqliteReaderPool } from "./store/sqlite/reader-pool.js";
import { startWalCheckpointer } from "./store/sqlite/wal-checkpointer.js";
import { Tlog } from "./tlog/tlog.js";
import { readTlogOptions, type TlogSetup } from "./tlog-options.js";
import { type UpgradeStop, UpgradeWatch } from "./upgrade-watch.js";
import { selectEd25519 } from "./verify/ed25519-native.js";
import { KeyDirectory } from "./verify/key-directory.js";
import { Verifier } from "./verify/verifier.js";

/** A thread without work for so long ends. */
const THREAD_IDLE_MS = 60_000;

type OnDemand = Pick<OnDemandThreadsOptions, "idleMs" | "starts" | "onFailure">;

export interface Service extends FoundLog {
  readonly address: string;
  readonly port: number;
  readonly keys: ServiceKeys;
  /** What a hard exit waits for. */
  readonly starts: ThreadStarts;
  /** Unready, stop accepting, answer every waiter, close sockets with 1001, close the store. */
  stop(): Promise<void>;
}

/**
 * `onFatal`: the process must end now; what is in memory may be ahead of the disk. It is called when no thread is loading.
 */
export async function startService(
  config: Config,
  log: Logger,
  onFatal: (error: Error) => void,
  upgradeStop: UpgradeStop,
): Promise<Service> {
  refuseOpenAccess(config);
  const disposals = new Disposals();
  const onDemand = onDemandThreads(log);
  const onFailure = (error: Error): void => void onDemand.starts.settledForExit().then(() => onFatal(error));
  try {
    return await compose(config, log, { onFailure, upgradeStop }, onDemand, disposals);
  } catch (error) {
    await disposals[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(
  config: Config,
  log: Logger,
  { onFailure, upgradeStop }: { readonly upgradeStop: UpgradeStop; onFailure(error: Error): void },
  onDemand: OnDemand,
  disposals: Disposals,
): Promise<Service> {
  const crossOrigin = crossOriginOf(config);
  const folder = resolve(config.DATA_DIR);
  disposals.use(lockFolder(folder));
  const keys = readServiceKeys(config, folder);
  const sequencer = { sequencerId: keys.sequencerId, publicKey: selectEd25519().publicKey(keys.signingSeed) };
  const tlogOptions = readTlogOptions(config, folder, keys);
  const metrics = new Metrics();
  const shutdown = new AbortController();
  const shared = sharedCells();
  const submissions = new Submissions(submissionLimits(config));

  const upgrade = new UpgradeWatch(config, log, upgradeStop);
  const { lane, ...found } = await Lane.start({
    ...{ worker: laneWorker(config, folder, keys, shared, tlogOptions), submissions },
    ...{ queueEventsMax: config.SEQ_QUEUE_CAP, onFailure, onUpgrade: (step) => upgrade.note(step) },
  }).finally(() => upgrade.end());
  disposals.use(lane);
  const walCheckpoints = walCheckpointWorker(config, folder, shared.writerPause);
  disposals.use(startWalCheckpointer(walCheckpoints, (mode) => metrics.walCheckpoint(mode), onFailure));
  const tlog = disposals.use(startTlog(config, tlogOptions, found.head, metrics, log));
  const { PAGE_BYTES_MAX: pageBytesMax, READ_THREADS: threads } = config;
  const reader = disposals.use(new SqliteReaderPool({ folder, pageBytesMax, threads }));
  const tail = new Tail(found.head.nextOffset, { bytesMax: config.TAIL_BYTES_MAX, pageBytesMax });
  const kept = new KeptPages(config.READ_AHEAD_BYTES_MAX);
  const source = new EntrySource(found.head, tail, reader, kept);
  const broadcaster = new Broadcaster(config.SEQ_WS_MAX_SUBSCRIBERS);
  const verifier = disposals.use(
    new Verifier({
      worker: verifyWorker(config, shared.keyEpoch),
      threads: verifyThreads(config),
      keys: new KeyDirectory({ reader, keyEpoch: shared.keyEpoch, ...keyCacheBounds(config) }),
      lane,
      submissions,
      onFailure: (error) => log.error({ err: error }, "the verifier failed: INTERNAL_ERROR to what it held"),
      onTask: (result) => metrics.verified(result),
    }),
  );
  onDemand.starts.follow(() => verifier.loaded);
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
  const chains = startCommitments(config, disposals, { folder, reader, lane, shutdown, onDemand }, metrics, log);
  const proofs = disposals.use(startProofs(config, { reader, lane, onDemand }, metrics));
  watchGauges(metrics, { submissions, lane, broadcaster, tail, kept, ...chains, tlog, proofs });

  await Promise.all([reader.loaded, verifier.loaded]);
  const server = disposals.use(
    await listen({
      ...{ config, log, keys, sequencer, head: found.head, metrics, crossOrigin, shutdown: shutdown.signal },
      ...{ submissions, verifier, lane, reader, source, broadcaster, ...chains, proofs, tlog },
    }),
  );
  const endSubscriptions = () => broadcaster.finishAll();
  const stop = () => shutDown({ shutdown, server, submissions, disposals, endSubscriptions });
  return { address: server.address, port: server.port, ...found, keys, starts: onDemand.starts, stop };
}

/** A folder that may not sign any more says so loudly and goes on without checkpoints: the log itself is whole. */
function startTlog(config: Config, options: TlogSetup, head: LogHead, metrics: Metrics, log: Logger): Tlog {
  return new Tlog({
    isEnabled: config.TLOG_ENABLED,
    worker: options.worker(head),
    questionsMax: config.TLOG_QUESTIONS_MAX,
    onCheckpoint: (lagMs) => metrics.treeSigned(lagMs),
    onWarning: saidRarely(systemClock, (reason) =>
      log.warn({ reason }, "a checkpoint failed or lacks a cosignature; it is tried again"),
    ),
    onRefused: (reason) => log.error({ reason }, "no checkpoints are signed; see TLOG_TAKE_OVER"),
    onFailure: (error) => log.error({ err: error }, "no checkpoints are signed until the next start"),
  });
}

interface Chains {
  readonly builder: TreeBuilder;
  readonly commitments: Commitments;
  readonly legacyCommitments: Commitments;
}

/** For work that many services never have: without it these threads cost no memory. */
function onDemandThreads(log: Logger): OnDemand {
  const onFailure = (error: Error): void => log.error({ err: error }, "a thread failed; the next task starts another");
  return { idleMs: THREAD_IDLE_MS, starts: new ThreadStarts(), onFailure };
}

/** Two chains per stream, of VES and of legacy events, over one thread that builds trees. */
function startCommitments(
  config: Config,
  disposals: Disposals,
  {
    folder,
    reader,
    shutdown: { signal: shutdown },
    onDemand,
    ...chain
  }: Pick<CommitmentsOptions, "lane"> & {
    folder: string;
    reader: SqliteReaderPool;
    shutdown: AbortController;
    onDemand: OnDemand;
  },
  metrics: Metrics,
  log: Logger,
): Chains {
  const onFailure = saidRarely<unknown>(systemClock, (_, error) =>
    log.warn({ err: error }, "automatic commitment failed; it is tried again"),
  );
  const builder = new TreeBuilder({ ...onDemand, folder, buildsMax: config.VES_COMMIT_BUILDS_MAX });
  const [commitments, legacyCommitments] = (["ves", "legacy"] as const).map((series) =>
    disposals.use(
      new Commitments({
        ...chain,
        ...{ shutdown, series, builder, limits: commitmentLimits(config), clock: systemClock, newBatchId: randomUuid },
        reader: reader.commitments[series],
        onCommitted: (treeDepth, trigger, durationMs) => metrics.committed(trigger, treeDepth, durationMs),
        onFailure: (error) => onFailure(String(error), error),
      }),
    ),
  );
  // Ended first: an end of the service waits for no backlog of trees, and rows say what is left to be committed.
  disposals.use(builder);
  return { builder, commitments: commitments!, legacyCommitments: legacyCommitments! };
}

/** Proofs end with the workers they start. */
function startProofs(
  config: Config,
  { onDemand, ...parts }: Pick<ProofRegistryOptions, "reader" | "lane"> & { onDemand: OnDemand },
  metrics: Metrics,
): ProofRegistry {
  const onVerified = ({ verdict, workMs }: StarkOutcome) => metrics.starkVerified(verdict.valid, workMs);
  return new ProofRegistry({
    ...parts,
    workers: new ProofWorkers({ ...onDemand, ...proofWorkerBounds(config), onVerified }),
    verifyOnSubmit: config.VES_STARK_VERIFY_ON_SUBMIT,
    newProofId: randomUuid,
    onSubmitted: (kind, isVerified) => metrics.proofSubmitted(kind, isVerified),
  });
}

function watchGauges(
  metrics: Metrics,
  parts: Pick<Parts, "submissions" | "lane" | "broadcaster" | "tlog" | "proofs"> &
    Chains & { tail: Tail; kept: KeptPages },
): void {
  const { submissions, lane, broadcaster, tail, kept, builder, commitments, legacyCommitments, tlog, proofs } = parts;
  metrics.watch({
    queueRequests: () => submissions.requests,
    queueBytes: () => submissions.bytes,
    laneQueueEvents: () => lane.queuedEvents,
    subscribers: () => broadcaster.subscribers,
    headOffset: () => tail.nextOffset,
    subscriberLag: () => tail.nextOffset - (broadcaster.slowestCursor() ?? tail.nextOffset),
    tailBytes: () => tail.bytes,
    readAheadBytes: () => kept.bytes,
    treeSize: () => tlog.size,
    treeLagMs: () => tlog.lagMs,
    merkleBuilds: () => builder.builds,
    merkleTreeBytes: () => commitments.trees.bytes + legacyCommitments.trees.bytes,
    openProofs: () => proofs.open,
  });
}
