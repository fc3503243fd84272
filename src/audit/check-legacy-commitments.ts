/**
 * Every legacy commitment against the entries it covers, in the snapshot whose entries were all found sound: one chain per
 * stream from number 1, each root recomputed. Names the first bad commitment of each stream.
 */
import { bytesEqual } from "../base/bytes.js";
import { GENESIS_STATE_ROOT } from "../protocol/commitment.js";
import { buildLegacyTree } from "../protocol/legacy-merkle.js";
import { type EntityVersion, legacyStateRoot } from "../protocol/legacy-state-root.js";
import type { Commitment } from "../store/commitment-contract.js";
import type { Connection } from "../store/sqlite/connection.js";
import { type EntityRow, LegacyLeafReader } from "../store/sqlite/legacy-leaf-reader.js";
import { checkChains } from "./committed-streams.js";

const NAME = "legacy commitment";

export function checkLegacyCommitments(db: Connection): Iterable<string> {
  return checkChains(db, "legacy", NAME, () => {
    const reader = new LegacyLeafReader(db);
    return (commitments) => chainFault(commitments, reader);
  });
}

function chainFault(commitments: Iterable<Commitment>, reader: LegacyLeafReader): string | null {
  const versions = new EntityVersions(reader);
  let end = 0;
  let root = GENESIS_STATE_ROOT;
  for (const commitment of commitments) {
    const { batchId, sequenceStart, sequenceEnd, prevStateRoot, newStateRoot } = commitment;
    const name = `${NAME} ${batchId} of ${sequenceStart} to ${sequenceEnd}`;
    if (sequenceStart !== end + 1) return `${name}: it does not start behind the one before it`;
    if (!hasItsEntries(commitment, reader)) return `${name}: its events root is not that of its entries`;
    if (!bytesEqual(prevStateRoot, root)) return `${name}: its previous state root is not that of the one before it`;
    if (!bytesEqual(newStateRoot, versions.rootAfter(commitment)))
      return `${name}: its state root is not that of the stream's entities`;
    end = sequenceEnd;
    root = newStateRoot;
  }
  return null;
}

function hasItsEntries(commitment: Commitment, reader: LegacyLeafReader): boolean {
  const leaves = reader.leaves(commitment);
  const count = commitment.sequenceEnd - commitment.sequenceStart + 1;
  return leaves.length === count && bytesEqual(buildLegacyTree(leaves).root, commitment.merkleRoot);
}

/** Versions counted up from nothing along the chain: no commitment counts again what one before it did. */
class EntityVersions {
  readonly #reader: LegacyLeafReader;
  readonly #versions: number[] = [];
  #countedTo = -1;

  constructor(reader: LegacyLeafReader) {
    this.#reader = reader;
  }

  rootAfter(commitment: Commitment): Uint8Array {
    const { tenantId, storeId, sequenceEnd } = commitment;
    const offset = this.#reader.offsetOf(commitment, sequenceEnd)!;
    // The snapshot's entities come in one order each time.
    const entities = this.#reader.entities(commitment, this.#countedTo, offset);
    this.#countedTo = offset;
    return legacyStateRoot(tenantId, storeId, this.#count(entities));
  }

  *#count(entities: Iterable<EntityRow>): Generator<EntityVersion> {
    let at = 0;
    for (const { entityType, entityId, events } of entities) {
      const version = (this.#versions[at] ?? 0) + events;
      this.#versions[at++] = version;
      if (version > 0) yield { entityType, entityId, version };
    }
  }
}
