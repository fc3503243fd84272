/**
 * Fills in state roots that were never computed: commitments of databases that are older than the chain carry 32 zero
 * bytes (spec §9.4). Everything else is checked on the way and never changed. A Merkle root is recomputed from its events
 * before a state root is put over it. One transaction per stream: a crash leaves whole streams done or untouched.
 */
import { bytesEqual } from "../../base/bytes.js";
import { type Uuid, uuidToBytes } from "../../base/ids.js";
import { GENESIS_STATE_ROOT } from "../../protocol/commitment.js";
import { stateRoot } from "../../protocol/state-root.js";
import type { Commitment } from "../commitment-contract.js";
import { COMMITMENT_COLUMNS, type CommitmentRow, commitmentFromRow } from "./commitment-rows.js";
import type { Connection } from "./connection.js";
import { MerkleLeafReader } from "./merkle-leaf-reader.js";

export interface BackfillOptions {
  /** Only this tenant, or all. */
  readonly tenantId: Uuid | null;
  /** Only this store of the tenant. */
  readonly storeId: Uuid | null;
  /** Change nothing, report what would be. */
  readonly isDryRun: boolean;
  /** Start at genesis, also where commitments are anchored; otherwise behind the last anchored one. */
  readonly isForced: boolean;
}

export interface StreamBackfill {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly commitments: number;
  /** State roots filled in, or that would be. */
  readonly filled: number;
  /** Why the walk ended early; then nothing of the stream was changed. */
  readonly fault: string | null;
}

/** The folder's lock must be held and the schema up to date. Yields each stream that has commitments, when it is done. */
export function* backfillStateRoots(db: Connection, options: BackfillOptions): Generator<StreamBackfill> {
  const { tenantId, storeId } = options;
  const refs = db
    .prepare(
      `SELECT s.ref FROM streams s WHERE EXISTS (SELECT 1 FROM ves_commitments c WHERE c.stream_ref = s.ref)
          AND (:tenant IS NULL OR s.tenant_id = :tenant) AND (:store IS NULL OR s.store_id = :store) ORDER BY s.ref`,
    )
    .pluck()
    .all({ tenant: bytesOrNull(tenantId), store: bytesOrNull(storeId) }) as number[];
  const leaves = new MerkleLeafReader(db);
  for (const ref of refs) yield db.transaction(() => backfillStream(db, leaves, ref, options)).immediate();
}

function backfillStream(
  db: Connection,
  leaves: MerkleLeafReader,
  ref: number,
  options: BackfillOptions,
): StreamBackfill {
  const rows = db
    .prepare(
      `SELECT ${COMMITMENT_COLUMNS} FROM streams s JOIN ves_commitments c ON c.stream_ref = s.ref
        WHERE s.ref = ? ORDER BY c.sequence_start`,
    )
    .all(ref) as CommitmentRow[];
  const chain = rows.map(commitmentFromRow);
  const { tenantId, storeId } = chain[0]!;
  const walked = walk(chain, leaves, options.isForced);
  const fill = db.prepare("UPDATE ves_commitments SET prev_state_root = ?, new_state_root = ? WHERE batch_id = ?");
  if (walked.fault === null && !options.isDryRun) {
    for (const { batchId, prevStateRoot, newStateRoot } of walked.filled) {
      fill.run(prevStateRoot, newStateRoot, uuidToBytes(batchId));
    }
  }
  return { tenantId, storeId, commitments: chain.length, filled: walked.filled.length, fault: walked.fault };
}

/** The commitments whose roots are missing, with them. */
function walk(
  chain: readonly Commitment[],
  leaves: MerkleLeafReader,
  isForced: boolean,
): { filled: Commitment[]; fault: string | null } {
  const filled: Commitment[] = [];
  const lastAnchored = isForced ? -1 : chain.findLastIndex(({ anchor }) => anchor !== null);
  let end = 0;
  let root: Uint8Array = GENESIS_STATE_ROOT;
  for (const [index, commitment] of chain.entries()) {
    const { batchId, sequenceStart, sequenceEnd, newStateRoot } = commitment;
    if (sequenceStart !== end + 1) return { filled, fault: `${batchId} does not follow sequence number ${end}` };
    end = sequenceEnd;
    if (index <= lastAnchored) {
      root = newStateRoot;
      continue;
    }
    const expected = {
      ...commitment,
      prevStateRoot: root,
      newStateRoot: stateRoot({ ...commitment, prevStateRoot: root }),
    };
    if (!bytesEqual(newStateRoot, GENESIS_STATE_ROOT)) {
      const isRight = bytesEqual(newStateRoot, expected.newStateRoot);
      if (!isRight) return { filled, fault: `the state root of ${batchId} does not follow from the one before it` };
    } else {
      if (!leaves.hasRoot(commitment))
        return { filled, fault: `the Merkle root of ${batchId} is not that of its events` };
      filled.push(expected);
    }
    root = expected.newStateRoot;
  }
  return { filled, fault: null };
}

function bytesOrNull(id: Uuid | null): Uint8Array | null {
  return id === null ? null : uuidToBytes(id);
}
