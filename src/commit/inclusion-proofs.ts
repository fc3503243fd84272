/**
 * Inclusion proofs on demand: not stored, but remembered. A proof is a function of rows that never change, so a remembered
 * one is right for ever; the time limit only makes room. Bounds: `entriesMax` proofs here, `TreeCache` bytes of trees.
 */
import type { LRUCache } from "lru-cache";
import { boundedCache, type CacheBounds } from "../base/bounded-cache.js";
import { toHex } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import type { StreamName, Uuid } from "../base/ids.js";
import type { Commitment, CommitmentReader } from "../store/commitment-contract.js";
import type { CommitmentDirectory } from "./commitment-directory.js";
import type { TreeCache } from "./tree-cache.js";

/** As it travels (wire-api A.7): hex without prefix, path bottom first. */
export interface InclusionProofView {
  readonly sequence_number: number;
  readonly batch_id: Uuid;
  readonly merkle_root: string;
  readonly leaf_hash: string;
  readonly leaf_index: number;
  readonly proof_path: readonly string[];
  /** True where the node on the way up is the left child. */
  readonly directions: readonly boolean[];
}

export interface InclusionProofsOptions {
  readonly reader: CommitmentReader;
  readonly commitments: CommitmentDirectory;
  readonly trees: TreeCache;
  readonly cache: CacheBounds;
}

/** An event by its place. The caller has checked that its reader may see the stream. */
export interface EventPlace extends StreamName {
  readonly sequenceNumber: number;
}

export class InclusionProofs {
  readonly #options: InclusionProofsOptions;
  /** By place: an event is in one commitment at most. */
  readonly #known: LRUCache<string, InclusionProofView>;

  constructor(options: InclusionProofsOptions) {
    this.#options = options;
    this.#known = boundedCache(options.cache);
  }

  /**
   * The proof of an event in the commitment `batchId`, or in the one that covers it when null. Throws BATCH_NOT_FOUND when
   * there is none (a commitment of another stream is none), INVALID_FIELD_VALUE when the named one does not cover the event,
   * and what `TreeBuilder.build` refuses with.
   */
  async prove(place: EventPlace, batchId: Uuid | null): Promise<InclusionProofView> {
    const name = `${place.tenantId}${place.storeId}:${place.sequenceNumber}`;
    const known = this.#known.get(name);
    if (known !== undefined && (batchId === null || batchId === known.batch_id)) return known;
    const commitment = batchId === null ? await this.#covering(place) : await this.#named(place, batchId);
    const tree = await this.#options.trees.of(commitment);
    const leafIndex = place.sequenceNumber - commitment.sequenceStart;
    const proof: InclusionProofView = {
      sequence_number: place.sequenceNumber,
      batch_id: commitment.batchId,
      merkle_root: toHex(commitment.merkleRoot),
      leaf_hash: toHex(tree.leaf(leafIndex)),
      leaf_index: leafIndex,
      proof_path: tree.path(leafIndex).map(toHex),
      directions: tree.directions(leafIndex),
    };
    this.#known.set(name, proof);
    return proof;
  }

  async #covering({ tenantId, storeId, sequenceNumber }: EventPlace): Promise<Commitment> {
    const commitment = await this.#options.reader.coveringCommitment(tenantId, storeId, sequenceNumber);
    if (commitment !== null) return commitment;
    throw new CodedError("BATCH_NOT_FOUND", `no commitment covers sequence number ${sequenceNumber} yet`);
  }

  async #named({ tenantId, storeId, sequenceNumber }: EventPlace, batchId: Uuid): Promise<Commitment> {
    const commitment = await this.#options.commitments.find(batchId, tenantId);
    if (commitment === null || commitment.tenantId !== tenantId || commitment.storeId !== storeId) {
      throw new CodedError("BATCH_NOT_FOUND", "Commitment not found");
    }
    if (sequenceNumber >= commitment.sequenceStart && sequenceNumber <= commitment.sequenceEnd) return commitment;
    throw new CodedError("INVALID_FIELD_VALUE", "Sequence number not in commitment range");
  }
}
