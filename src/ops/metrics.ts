/**
 * The service's metrics. One place names them; modules report through the callbacks compose.ts ties to them. Those that the
 * original declares keep its names (wire-api D), so not every counter of them ends in `_total`.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ErrorCode } from "../base/errors.js";
import type { ChunkMessage } from "../lane/lane-message.js";
import type { ProofKind } from "../store/proof-contract.js";
import type { WalCheckpointMode } from "../store/sqlite/wal-checkpoint.js";
import type { RequestRecord } from "../transport/http.js";
import type { VerifyResult } from "../verify/verify-task.js";
import { type Series, SeriesHistogram } from "./series-histogram.js";

/** What gauges read when they are scraped. */
export interface MetricSources {
  queueRequests(): number;
  queueBytes(): number;
  laneQueueEvents(): number;
  subscribers(): number;
  headOffset(): number;
  /** Entries the slowest subscriber is behind. */
  subscriberLag(): number;
  tailBytes(): number;
  readAheadBytes(): number;
  /** Leaves the served checkpoint covers. */
  treeSize(): number;
  /** Age of the oldest durable entry that no served checkpoint covers. */
  treeLagMs(): number;
  merkleBuilds(): number;
  merkleTreeBytes(): number;
  openProofs(): number;
}

interface Counted {
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
}

/** A client may invent methods; each would be a series for ever. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const OTHER_METHOD = "OTHER";

const REQUEST_LABELS = ["method", "path", "status"];
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DEPTHS = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20];
const COUNTS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** Alerts look at how these grow: of a series that begins at 1 the first refusal would not be growth. */
const WATCHED_REFUSALS: readonly ErrorCode[] = ["INTERNAL_ERROR", "STORAGE_FULL", "OVERLOADED", "TOO_MANY_SUBSCRIBERS"];

export class Metrics {
  readonly registry = new Registry();
  readonly #startedMs = performance.now();
  readonly #httpLatency = this.#histogram(
    "sequencer_http_request_latency_seconds",
    "Request to reply.",
    SECONDS,
    REQUEST_LABELS,
  );
  /** By route, status and method: a lookup each instead of a text of all three for each request. */
  readonly #requests = new Map<string, Map<number, Map<string, Series>>>();
  readonly #refusals = new Map<string, number>(WATCHED_REFUSALS.map((code) => [code, 0]));
  readonly #ingestLatency = this.#histogram(
    "sequencer_ingest_latency_seconds",
    "Admission to durable answer.",
    SECONDS,
  ).series();
  readonly #received = this.#counter("sequencer_ves_events_received", "VES events handed to the lane.");
  readonly #sequenced = this.#counter("sequencer_events_sequenced", "Entries made durable.");
  readonly #rejected = this.#counter("sequencer_events_rejected", "Events rejected, by reason.", ["reason"]);
  readonly #chunkEvents = this.#histogram("sequencer_chunk_events", "Events per commit.", COUNTS).series();
  readonly #flush = this.#histogram("sequencer_flush_seconds", "Writes and flush of a commit.", SECONDS).series();
  readonly #verify = this.#histogram("sequencer_verify_seconds", "Verify task in its worker.", SECONDS).series();
  readonly #frames = this.#counter("sequencer_subscription_entries_total", "Entries sent to subscribers.");
  readonly #frameBytes = this.#counter("sequencer_subscription_bytes_total", "Bytes sent to subscribers.");
  readonly #walCheckpoints = this.#counter(
    "sequencer_wal_checkpoints_total",
    "Checkpoints of the write-ahead log, by SQLite's mode, or disk_full.",
    ["mode"],
  );
  readonly #commitments = this.#counter("sequencer_commitments_created", "Commitments stored, by trigger.", [
    "trigger",
  ]);
  readonly #treeDepth = this.#histogram(
    "sequencer_ves_merkle_tree_depth",
    "Depth of a commitment's tree.",
    DEPTHS,
  ).series();
  readonly #commitLatency = this.#histogram(
    "sequencer_commit_latency_seconds",
    "Request for a commitment to its durable answer.",
    SECONDS,
  ).series();
  readonly #proofs = this.#counter("sequencer_proofs_submitted_total", "Proofs stored, by kind and whether verified.", [
    "kind",
    "verified",
  ]);
  readonly #starkLatency = this.#histogram(
    "sequencer_stark_verify_seconds",
    "STARK verification in its worker, by verdict.",
    SECONDS,
    ["valid"],
  );
  readonly #starkVerify = new Map<boolean, Series>();
  readonly #revocations = this.#counter("sequencer_agent_key_revocations_total", "Agent keys revoked.");

  readonly #treeLag = this.#histogram(
    "sequencer_tlog_lag_seconds",
    "Oldest entry of a checkpoint: durable to covered.",
    SECONDS,
  ).series();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.#walCheckpoints.inc({ mode: "disk_full" satisfies WalCheckpointMode }, 0);
    this.#collected("sequencer_http_requests_total", "Requests answered.", REQUEST_LABELS, () =>
      this.#httpLatency.all.map(({ labels, count }) => ({ labels, count })),
    );
    this.#collected("sequencer_refusals_total", "Requests refused, by problem code.", ["code"], () =>
      [...this.#refusals].map(([code, count]) => ({ labels: { code }, count })),
    );
    this.#gauge(
      "sequencer_uptime_seconds",
      "Since the process was composed.",
      () => (performance.now() - this.#startedMs) / 1000,
    );
  }

  /** Adds the gauges that look at live parts. */
  watch(sources: MetricSources): void {
    this.#gauge("sequencer_queue_requests", "Submissions without an answer.", () => sources.queueRequests());
    this.#gauge("sequencer_queue_bytes", "Body bytes of those submissions.", () => sources.queueBytes());
    this.#gauge("sequencer_lane_queue_events", "Verified events not yet committed.", () => sources.laneQueueEvents());
    this.#gauge("sequencer_subscribers", "Open subscriptions.", () => sources.subscribers());
    this.#gauge("sequencer_head_offset", "Offset of the next entry.", () => sources.headOffset());
    this.#gauge("sequencer_subscriber_lag_max", "Entries the slowest subscriber is behind.", () =>
      sources.subscriberLag(),
    );
    this.#gauge("sequencer_tlog_size", "Entries the served checkpoint covers.", () => sources.treeSize());
    this.#gauge(
      "sequencer_tlog_lag_current_seconds",
      "Age of the oldest entry no served checkpoint covers.",
      () => sources.treeLagMs() / 1000,
    );
    this.#gauge("sequencer_tail_bytes", "Recent entries kept in memory.", () => sources.tailBytes());
    this.#gauge("sequencer_read_ahead_bytes", "Pages kept for subscribers behind the tail.", () =>
      sources.readAheadBytes(),
    );
    this.#gauge("sequencer_merkle_builds", "Merkle trees in the making or waiting.", () => sources.merkleBuilds());
    this.#gauge("sequencer_merkle_tree_bytes", "Merkle trees kept for proofs.", () => sources.merkleTreeBytes());
    this.#gauge("sequencer_open_proofs", "Proofs being read, verified or stored, or waiting for it.", () =>
      sources.openProofs(),
    );
  }

  request({ method, route, status, durationMs }: RequestRecord): void {
    const known = METHODS.has(method) ? method : OTHER_METHOD;
    const series = this.#requests.get(route)?.get(status)?.get(known) ?? this.#newRequestSeries(known, route, status);
    series.observe(durationMs / 1000);
  }

  refusal(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  ingest(durationMs: number): void {
    this.#ingestLatency.observe(durationMs / 1000);
  }

  verified(result: VerifyResult): void {
    this.#verify.observe(result.workMs / 1000);
    this.#received.inc(result.verifiedEvents);
  }

  chunk(chunk: ChunkMessage): void {
    this.#sequenced.inc(chunk.entries);
    this.#chunkEvents.observe(chunk.events);
    if (chunk.commitMs > 0) this.#flush.observe(chunk.commitMs / 1000);
    for (const [reason, count] of chunk.rejectedByReason) this.#rejected.inc({ reason }, count);
  }

  frames(entries: number, bytes: number): void {
    this.#frames.inc(entries);
    this.#frameBytes.inc(bytes);
  }

  walCheckpoint(mode: WalCheckpointMode): void {
    this.#walCheckpoints.inc({ mode });
  }

  committed(trigger: string, treeDepth: number, durationMs: number): void {
    this.#commitments.inc({ trigger });
    this.#treeDepth.observe(treeDepth);
    this.#commitLatency.observe(durationMs / 1000);
  }

  proofSubmitted(kind: ProofKind, isVerified: boolean): void {
    this.#proofs.inc({ kind, verified: String(isVerified) });
  }

  starkVerified(isValid: boolean, workMs: number): void {
    const series = this.#starkVerify.get(isValid) ?? this.#starkLatency.series({ valid: String(isValid) });
    this.#starkVerify.set(isValid, series);
    series.observe(workMs / 1000);
  }

  treeSigned(lagMs: number): void {
    this.#treeLag.observe(lagMs / 1000);
  }

  revocation(): void {
    this.#revocations.inc();
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[], labelNames: string[] = []): SeriesHistogram {
    return new SeriesHistogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }

  /** Bounded: routes are patterns, methods few, and each answers with a few statuses. */
  #newRequestSeries(method: string, route: string, status: number): Series {
    const series = this.#httpLatency.series({ method, path: route, status: String(status) });
    const ofRoute = this.#requests.get(route) ?? new Map<number, Map<string, Series>>();
    const ofStatus = ofRoute.get(status) ?? new Map<string, Series>();
    this.#requests.set(route, ofRoute.set(status, ofStatus.set(method, series)));
    return series;
  }

  /** A counter that is counted elsewhere and read when it is scraped. */
  #collected(name: string, help: string, labelNames: string[], read: () => Iterable<Counted>): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { labels, count } of read()) this.inc({ ...labels }, count);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
