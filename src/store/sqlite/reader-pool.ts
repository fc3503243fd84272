/**
 * The readers' side of SQLite: read-only connections in their own threads, so that a cold page never blocks a socket.
 * Requests are tasks of a Piscina pool; entries come back as one packed, transferred buffer. The pool gets no more tasks than it
 * has threads: it would put every second one that waits behind all others.
 */
import { Piscina } from "piscina";
import { workerPath } from "../../base/asset-paths.js";
import type { Uuid } from "../../base/ids.js";
import { WORKER_LIMITS } from "../../base/worker-limits.js";
import type { EntryKind } from "../../protocol/entry-kind.js";
import type {
  ChainState,
  Commitment,
  CommitmentQuery,
  CommitmentReader,
  CommitmentSeries,
  DuePage,
  OldBound,
  OldPage,
  UncommittedPage,
} from "../commitment-contract.js";
import type {
  AgentKey,
  AgentKeyRange,
  AgentKeyRef,
  ApiKey,
  ApiKeyRange,
  EntityName,
  EntryFilter,
  HistoryPage,
  KeyPage,
  LegacyRange,
  LogEntry,
  LogHead,
  LogReader,
  ReceiptSigner,
  StreamPage,
  StreamRange,
} from "../contract.js";
import { FramePage } from "../frame-page.js";
import { PackedPage } from "../packed-page.js";
import type { ProofKey, ProofKind, ProofName, ProofReader, StoredProof } from "../proof-contract.js";
import { type ReadingTenant, type ReadSize, ReadTurns } from "../read-turns.js";
import type { SqliteCommitmentReader } from "./commitment-reader.js";
import type { SqliteLogReader } from "./log-reader.js";
import type { SqliteProofReader } from "./proof-reader.js";

export interface ReadWorkerData {
  readonly folder: string;
  readonly pageBytesMax: number;
}

/** Buffers kept for pages to come, and how large such a one may be. */
const SPARES_MAX = 8;
const SPARE_BYTES_MAX = 1024 * 1024;

/** Entries and what else was true of them at the same moment. */
export type EntriesAnswer = StreamPage | HistoryPage;

/** The same on its way from the thread: entries travel packed; everything else is small and cloned. */
export interface PackedAnswer<T extends EntriesAnswer> {
  readonly packed: Uint8Array;
  readonly facts: Omit<T, "entries">;
}

export type ReadTask = Call<SqliteLogReader & SqliteProofReader> | CommitmentTask;
export type CommitmentTask = Call<SqliteCommitmentReader> & { readonly series: CommitmentSeries };
type Call<R> = {
  [M in keyof R]: R[M] extends (...args: infer A) => unknown ? { readonly method: M; readonly args: A } : never;
}[keyof R];
type ReadMethod = Call<SqliteLogReader & SqliteProofReader>["method"];
type CommitmentMethod = CommitmentTask["method"];

const SIZES: Readonly<Record<ReadMethod | CommitmentMethod, ReadSize>> = {
  head: "lookup",
  agentKey: "lookup",
  apiKey: "lookup",
  formerSequencers: "row",
  page: "page",
  streamPage: "page",
  streamHead: "row",
  legacyPage: "page",
  legacyHistory: "page",
  entryByEventId: "row",
  agentKeys: "page",
  apiKeyByPrefix: "row",
  apiKeys: "page",
  proof: "row",
  proofByKey: "row",
  proofs: "page",
  proofBytes: "page",
  commitment: "row",
  coveringCommitment: "row",
  commitments: "page",
  chainState: "row",
  uncommittedStreams: "page",
  fullStreams: "page",
  oldStreams: "page",
};

export class SqliteReaderPool implements LogReader, ProofReader {
  readonly #pool: Piscina;
  readonly #turns: ReadTurns;
  readonly commitments: Readonly<Record<CommitmentSeries, CommitmentReader>>;
  /** Every thread has loaded its modules. Node aborts the process when one is ended before that. */
  readonly loaded: Promise<unknown>;
  /** Buffers of pages that were released, for the next ones: a new one for each has both threads collect garbage all the time. */
  readonly #spares: ArrayBuffer[] = [];

  constructor(options: ReadWorkerData & { readonly threads: number }) {
    this.#pool = new Piscina({
      filename: workerPath("read"),
      workerData: { folder: options.folder, pageBytesMax: options.pageBytesMax } satisfies ReadWorkerData,
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits: WORKER_LIMITS,
    });
    this.#turns = new ReadTurns(options.threads);
    const series = (name: CommitmentSeries) =>
      new PooledCommitmentReader((tenantId, method, args) =>
        this.#turns.run(tenantId, SIZES[method], () => this.#pool.run({ series: name, method, args } as ReadTask)),
      );
    this.commitments = { ves: series("ves"), legacy: series("legacy") };
    this.loaded = Promise.allSettled(Array.from({ length: options.threads }, () => this.head()));
  }

  head(): Promise<LogHead> {
    return this.#run(null, "head");
  }

  formerSequencers(current: ReceiptSigner): Promise<readonly ReceiptSigner[]> {
    return this.#run(null, "formerSequencers", current);
  }

  async page(fromOffset: number, filter: EntryFilter, entriesMax: number): Promise<FramePage> {
    const packed = await this.#turns.run(filter.tenantId ?? null, SIZES.page, () => {
      const spare = this.#spares.pop();
      const task: ReadTask = { method: "page", args: [fromOffset, filter, entriesMax, spare] };
      return this.#pool.run(task, spare && { transferList: [spare] });
    });
    return new FramePage(packed, (buffer) => this.#keep(buffer));
  }

  streamPage(range: StreamRange): Promise<StreamPage> {
    return this.#answer<StreamPage>(range.tenantId, "streamPage", range);
  }

  streamHead(tenantId: Uuid, storeId: Uuid, kind?: EntryKind): Promise<number> {
    return this.#run(tenantId, "streamHead", tenantId, storeId, kind);
  }

  async legacyPage(range: LegacyRange): Promise<readonly LogEntry[]> {
    return new PackedPage(await this.#run<Uint8Array>(range.tenantId, "legacyPage", range)).entries;
  }

  legacyHistory(entity: EntityName, skip: number, limit: number): Promise<HistoryPage> {
    return this.#answer<HistoryPage>(entity.tenantId, "legacyHistory", entity, skip, limit);
  }

  async entryByEventId(eventId: Uuid, asking: ReadingTenant): Promise<LogEntry | null> {
    return new PackedPage(await this.#run<Uint8Array>(asking, "entryByEventId", eventId)).entries[0] ?? null;
  }

  agentKey(ref: AgentKeyRef): Promise<AgentKey | null> {
    return this.#run(ref.tenantId, "agentKey", ref);
  }

  agentKeys(range: AgentKeyRange): Promise<KeyPage<AgentKey>> {
    return this.#run(range.tenantId, "agentKeys", range);
  }

  apiKey(keyHash: string): Promise<ApiKey | null> {
    return this.#run(null, "apiKey", keyHash);
  }

  apiKeyByPrefix(tenantId: Uuid | null, prefix: string): Promise<ApiKey | null> {
    return this.#run(tenantId, "apiKeyByPrefix", tenantId, prefix);
  }

  apiKeys(range: ApiKeyRange): Promise<KeyPage<ApiKey>> {
    return this.#run(range.tenantId, "apiKeys", range);
  }

  proof(kind: ProofKind, proofId: Uuid, asking: ReadingTenant): Promise<StoredProof | null> {
    return this.#run(asking, "proof", kind, proofId);
  }

  proofByKey(key: ProofKey, asking: ReadingTenant): Promise<StoredProof | null> {
    return this.#run(asking, "proofByKey", key);
  }

  proofs(kind: ProofKind, subjectId: Uuid, asking: ReadingTenant): Promise<readonly StoredProof[]> {
    return this.#run(asking, "proofs", kind, subjectId);
  }

  proofBytes({ kind, proofId, tenantId }: ProofName): Promise<Uint8Array | null> {
    return this.#run(tenantId, "proofBytes", kind, proofId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loaded;
    await this.#pool.destroy();
  }

  #keep(buffer: ArrayBuffer): void {
    if (this.#spares.length < SPARES_MAX && buffer.byteLength <= SPARE_BYTES_MAX) this.#spares.push(buffer);
  }

  async #answer<T extends EntriesAnswer>(tenantId: ReadingTenant, method: ReadMethod, ...args: unknown[]): Promise<T> {
    const { packed, facts } = await this.#run<PackedAnswer<T>>(tenantId, method, ...args);
    return { ...facts, entries: new PackedPage(packed).entries } as T;
  }

  #run<T>(tenantId: ReadingTenant, method: ReadMethod, ...args: unknown[]): Promise<T> {
    return this.#turns.run(tenantId, SIZES[method], () => this.#pool.run({ method, args }) as Promise<T>);
  }
}

type RunCommitmentTask = (
  tenantId: ReadingTenant,
  method: CommitmentMethod,
  args: readonly unknown[],
) => Promise<unknown>;

/** One series' commitments, through the pool's threads. */
class PooledCommitmentReader implements CommitmentReader {
  readonly #run: RunCommitmentTask;

  constructor(run: RunCommitmentTask) {
    this.#run = run;
  }

  commitment(batchId: Uuid, asking: ReadingTenant): Promise<Commitment | null> {
    return this.#run(asking, "commitment", [batchId]) as Promise<Commitment | null>;
  }

  coveringCommitment(tenantId: Uuid, storeId: Uuid, sequenceNumber: number): Promise<Commitment | null> {
    return this.#run(tenantId, "coveringCommitment", [tenantId, storeId, sequenceNumber]) as Promise<Commitment | null>;
  }

  commitments(query: CommitmentQuery): Promise<readonly Commitment[]> {
    return this.#run(query.tenantId, "commitments", [query]) as Promise<readonly Commitment[]>;
  }

  chainState(tenantId: Uuid, storeId: Uuid, sequenceStart: number): Promise<ChainState> {
    return this.#run(tenantId, "chainState", [tenantId, storeId, sequenceStart]) as Promise<ChainState>;
  }

  uncommittedStreams(afterRef: number, limit: number): Promise<UncommittedPage> {
    return this.#run(null, "uncommittedStreams", [afterRef, limit]) as Promise<UncommittedPage>;
  }

  fullStreams(fromOffset: number, events: number): Promise<DuePage> {
    return this.#run(null, "fullStreams", [fromOffset, events]) as Promise<DuePage>;
  }

  oldStreams(fromOffset: number, bound: OldBound): Promise<OldPage> {
    return this.#run(null, "oldStreams", [fromOffset, bound]) as Promise<OldPage>;
  }
}
