import type { Uuid } from "../base/ids.js";
import type { EntryKind } from "../protocol/entry-kind.js";
import type { Commitment, CommitmentSeries } from "./commitment-contract.js";
import type { NewProof, ProofKey, ProofSubject, StoredProof } from "./proof-contract.js";
import type { ReadingTenant } from "./read-turns.js";

/**
 * What the service asks of a store, one small contract per role; `sqlite/` implements them. Every method may be asynchronous;
 * success means what its comment says, nothing less.
 */
export type Awaitable<T> = T | Promise<T>;

/** Which log this is. Offsets of another log, or of an earlier epoch of this one, mean nothing here. */
export interface LogIdentity {
  readonly logId: Uuid;
  /** Starts at 1; a restore from backup raises it. */
  readonly epoch: number;
}

/** Who signs receipts. */
export interface ReceiptSigner {
  readonly sequencerId: Uuid;
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

// ---------------------------------------------------------------------------------------------------------- agent keys

export const KEY_PURPOSE_SIGNING = 1;
export const KEY_PURPOSE_ENCRYPTION = 2;
export type KeyPurpose = typeof KEY_PURPOSE_SIGNING | typeof KEY_PURPOSE_ENCRYPTION;

export interface AgentKeyRef {
  readonly tenantId: Uuid;
  readonly agentId: Uuid;
  readonly purpose: KeyPurpose;
  readonly keyId: number;
}

/** A registered key. Immutable but for its revocation. Times are Unix milliseconds, both window ends inclusive. */
export interface AgentKey extends AgentKeyRef {
  readonly publicKey: Uint8Array;
  readonly validFromMs: number | null;
  readonly validToMs: number | null;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
  readonly revokeReason: string | null;
}

// ------------------------------------------------------------------------------------------------------------ API keys

/** A stored API key: never its text, only the SHA-256 of it (lower-case hex). */
export interface ApiKey {
  readonly keyHash: string;
  readonly tenantId: Uuid;
  /** Empty = every store of the tenant. */
  readonly storeIds: readonly Uuid[];
  /** Set = the key may ingest for this agent only. */
  readonly agentId: Uuid | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly canAdmin: boolean;
  readonly label: string | null;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

// ------------------------------------------------------------------------------------------------------- the lane's role

/** What the store and the decisions note at a row that a chunk works on. */
interface RowState {
  /** The store's reference of the row; null = it is written with this chunk, if the chunk adds to it. */
  ref: number | null;
  /** The chunk has an entry in it, so that it stands in `ChunkWrites`, once. */
  isChanged: boolean;
}

/** A stream's row as the lane works on it: `head` moves while a chunk is decided. */
export interface StreamState extends RowState {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** Last VES sequence number given out; 0 = none yet. */
  head: number;
  /** The same for its legacy events, which are counted apart. */
  legacyHead: number;
}

/** An entity's row as the lane works on it: `version` counts its accepted events. */
export interface EntityState extends RowState {
  readonly stream: StreamState;
  readonly entityType: string;
  readonly entityId: string;
  version: number;
}

/** A sequenced event: the facts its receipt, its frame and an exact replay are made of. */
export interface SequencedEvent {
  readonly kind: EntryKind;
  readonly eventId: Uint8Array;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly sequenceNumber: number;
  readonly sequencedAtMs: number;
  readonly sequencer: ReceiptSigner;
  /** What the receipt covers of the event: `eventSigningHash`, or `legacyEventHash` of a legacy event. */
  readonly signingHash: Uint8Array;
  readonly receiptSignature: Uint8Array;
  /** Canonical JSON text, UTF-8. */
  readonly envelope: Uint8Array;
}

/** Everything a chunk may touch. Maps of a chunk are keyed by text, see `chunk-key.ts`. */
export interface ChunkQuery {
  /** By `streamKey`. */
  readonly streams: ReadonlyMap<string, { readonly tenantId: Uuid; readonly storeId: Uuid }>;
  readonly eventIds: readonly Uint8Array[];
  /** By `entityKey`. `stream` is one of `streams`, by its key. */
  readonly entities: ReadonlyMap<
    string,
    { readonly stream: string; readonly entityType: string; readonly entityId: string }
  >;
  /** Each kind of event has command ids of its own. */
  readonly commands: readonly {
    readonly kind: EntryKind;
    readonly tenantId: Uuid;
    readonly storeId: Uuid;
    readonly commandId: Uint8Array;
  }[];
  readonly agentKeys: readonly AgentKeyRef[];
  /** Agents whose highest key id is wanted. */
  readonly agentsForNextKey: readonly Omit<AgentKeyRef, "keyId">[];
  readonly apiKeyHashes: readonly string[];
  /** Ranges to be committed, by their streams and first numbers: wanted are the stream's last commitment and one that starts there. */
  readonly commitmentStarts: readonly {
    readonly series: CommitmentSeries;
    readonly tenantId: Uuid;
    readonly storeId: Uuid;
    readonly sequenceStart: number;
  }[];
  /** Proofs to be registered: wanted are one with the same key, and what it is of. */
  readonly proofs: readonly ProofKey[];
}

/** The rows a chunk is decided on. The maps hold what exists; an absent key means an absent row. */
export interface ChunkState {
  readonly nextOffset: number;
  /** sequenced_at of the last entry; 0 for an empty log. */
  readonly lastSequencedAtMs: number;
  /** By `streamKey`. */
  readonly streams: Map<string, StreamState>;
  /** By `idKey`. */
  readonly events: Map<string, SequencedEvent>;
  /** By `entityKey`. */
  readonly entities: Map<string, EntityState>;
  /** `commandKey`s. */
  readonly commands: Set<string>;
  /** By `agentKeyKey`. */
  readonly agentKeys: Map<string, AgentKey>;
  /** By `agentKey`. */
  readonly highestKeyIds: Map<string, number>;
  /** By hash. */
  readonly apiKeys: Map<string, ApiKey>;
  /** By `chainKey`. */
  readonly lastCommitments: Map<string, Commitment>;
  /** By `commitmentKey`. */
  readonly commitments: Map<string, Commitment>;
  /** By `proofKey`. */
  readonly proofs: Map<string, StoredProof>;
  /** By `proofSubjectKey`. */
  readonly proofSubjects: Map<string, ProofSubject>;
}

export interface NewEntry {
  readonly offset: number;
  readonly event: SequencedEvent;
  readonly stream: StreamState;
  readonly entity: EntityState;
  readonly eventType: string;
  readonly commandId: Uint8Array | null;
  /** Null for a legacy event: nobody verified one. */
  readonly agentSignature: Uint8Array | null;
  /** Of a legacy event: what its Merkle leaf is made of. Null for a VES event. */
  readonly payloadHash: Uint8Array | null;
  /** What the receipt signs, 32 bytes. */
  readonly receiptHash: Uint8Array;
  /** `frameCheck` of the entry's frame: a reader that cannot rebuild the same frame passes nothing on. */
  readonly frameCheck: number;
}

export interface NewRejection {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly eventId: Uint8Array;
  readonly reason: string;
  readonly message: string;
}

/** A commitment to be written in the chunk that decided it. */
export interface NewCommitment {
  readonly series: CommitmentSeries;
  readonly stream: StreamState;
  readonly commitment: Commitment;
}

/** What a chunk decided. Entries are in offset order, without a gap, from the state's `nextOffset`. */
export interface ChunkWrites {
  readonly nowMs: number;
  /** With final values: one row write for each, however many entries. */
  readonly streams: StreamState[];
  readonly entities: EntityState[];
  readonly entries: NewEntry[];
  readonly rejections: NewRejection[];
  readonly agentKeys: AgentKey[];
  readonly agentKeyRevocations: {
    readonly ref: AgentKeyRef;
    readonly revokedAtMs: number;
    readonly reason: string | null;
  }[];
  readonly apiKeys: ApiKey[];
  readonly apiKeyRevocations: { readonly keyHash: string; readonly revokedAtMs: number }[];
  readonly commitments: NewCommitment[];
  readonly proofs: NewProof[];
}

/**
 * The write side, owned by the lane alone. One chunk = one `begin` then exactly one of `commit` and `rollback`.
 */
export interface LaneStore extends AsyncDisposable {
  readonly identity: LogIdentity;

  /** Opens the chunk's transaction and reads every row it may touch. Throws as `commit` does. */
  begin(query: ChunkQuery): Awaitable<ChunkState>;

  /**
   * Writes and makes durable. Returned: on disk, for ever. Thrown `StorageFullError`: nothing was written, the store is
   * usable. Thrown anything else: unknown, the process must stop: memory may be ahead of the disk.
   */
  commit(writes: ChunkWrites): Awaitable<void>;

  /** Ends the transaction without a trace. */
  rollback(): Awaitable<void>;
}

/** The disk took nothing of the chunk. The lane refuses its work with STORAGE_FULL and goes on. */
export class StorageFullError extends Error {
  override readonly name = "StorageFullError";
}

// ------------------------------------------------------------------------------------------------------- the readers' role

/** An entry as it is passed on: its place and its wire form, encoded once. */
export interface EntryFrame {
  readonly offset: number;
  /** One JSON object, UTF-8 (spec wire: `kind, offset, tenant_id, store_id, …, event, receipt`). */
  readonly frame: Uint8Array;
}

/** The same with what filters and scopes look at. */
export interface LogEntry extends EntryFrame {
  readonly kind: EntryKind;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly sequenceNumber: number;
  readonly entityType: string;
  readonly entityId: string;
}

/** Which entries a reader wants. Absent members match everything; `storeIds` limits a credential to its stores. */
export interface EntryFilter {
  readonly tenantId?: Uuid;
  readonly storeIds?: readonly Uuid[];
  readonly entityType?: string;
  readonly entityId?: string;
  readonly kind?: EntryKind;
}

export interface Page {
  readonly entries: readonly EntryFrame[];
  /** Their frames as one JSON array, where they lie like that. */
  readonly array?: Uint8Array;
  /** Where to go on: every entry below it was in this page or did not match. */
  readonly nextOffset: number;
}

/** A page that was read for whoever asked. */
export interface StoredPage extends Page {
  /** Memory it occupies while somebody has it, bytes. */
  readonly bytesHeld: number;
  /** Says that nobody will look at it again: its memory is used for another page. Who does not say so leaves it to the collector. */
  release(): void;
}

export interface LogHead extends LogIdentity {
  /** Offset the next entry will get = number of entries. */
  readonly nextOffset: number;
}

export interface StreamRange {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** First sequence number wanted, inclusive. */
  readonly fromSequence: number;
  readonly limit: number;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly eventType?: string;
}

/** Events of one stream in sequence order, and what else was true of it at the same moment. */
export interface StreamPage {
  readonly entries: readonly LogEntry[];
  /** Where to go on: everything below was looked at, also where no entry of it matched. */
  readonly nextSequence: number;
  /** Last number of the stream's VES events, 0 if it has none. */
  readonly headSequence: number;
}

/** Legacy events of one stream by number, both ends inclusive. */
export interface LegacyRange {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly fromSequence: number;
  readonly toSequence: number;
}

/** The legacy events of one entity. */
export interface EntityName {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly entityType: string;
  readonly entityId: string;
}

/** Some of them in sequence order, and how many there were at the same moment. */
export interface HistoryPage {
  readonly entries: readonly LogEntry[];
  readonly total: number;
}

/** Keys of one agent, those after a key first. */
export interface AgentKeyRange {
  readonly tenantId: Uuid;
  readonly agentId: Uuid;
  readonly after: Pick<AgentKeyRef, "purpose" | "keyId"> | null;
  readonly limit: number;
}

/** Keys of one tenant, or of all when null; `after`: the first digits of a hash. */
export interface ApiKeyRange {
  readonly tenantId: Uuid | null;
  readonly after: string | null;
  readonly limit: number;
}

/** Part of a list of keys; `hasMore`: others follow. */
export interface KeyPage<K> {
  readonly keys: readonly K[];
  readonly hasMore: boolean;
}

/**
 * Read-only access to what is durable. Pages are bounded by entries and by bytes (at least one entry is returned). A read takes
 * the turn of the tenant whose rows it names; `asking`: of this one, where it names none.
 */
export interface LogReader extends AsyncDisposable {
  head(): Promise<LogHead>;
  /** Everyone else who signed receipts of this log, or had it open and might have; newest first. */
  formerSequencers(current: ReceiptSigner): Promise<readonly ReceiptSigner[]>;
  /** Entries with offset >= `fromOffset` that match, in order. */
  page(fromOffset: number, filter: EntryFilter, entriesMax: number): Promise<StoredPage>;
  /** VES events of one stream by sequence number. It may end early, with few entries or none. */
  streamPage(range: StreamRange): Promise<StreamPage>;
  /** Last sequence number of a stream's events of that kind (VES events when left out), 0 if it has none. */
  streamHead(tenantId: Uuid, storeId: Uuid, kind?: EntryKind): Promise<number>;
  legacyPage(range: LegacyRange): Promise<readonly LogEntry[]>;
  /** In sequence order, without the first `skip`. */
  legacyHistory(entity: EntityName, skip: number, limit: number): Promise<HistoryPage>;
  /** VES events only. */
  entryByEventId(eventId: Uuid, asking: ReadingTenant): Promise<LogEntry | null>;
  agentKey(ref: AgentKeyRef): Promise<AgentKey | null>;
  /** By purpose and key id. */
  agentKeys(range: AgentKeyRange): Promise<KeyPage<AgentKey>>;
  apiKey(keyHash: string): Promise<ApiKey | null>;
  /** One of the tenant's keys, or of anybody's when null, whose hash begins with these digits. */
  apiKeyByPrefix(tenantId: Uuid | null, prefix: string): Promise<ApiKey | null>;
  /** By their hash. A page may end before `limit`. */
  apiKeys(range: ApiKeyRange): Promise<KeyPage<ApiKey>>;
}
