/**
 * Fills in state roots that were never computed: commitments of databases that are older than the chain carry 32 zero
 * bytes (spec §9.4). Everything else is checked on the way and never changed. A Merkle root is recomputed from its events
 * before a state root is put over it. One transaction per stream: a crash leaves whole streams done or untouched.
 */
import { bytesEqual } from "../../base/bytes.js";
import { type Uuid, uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import { GENESIS_STATE_ROOT } from "../../protocol/commitment.js";
import { stateRoot } from "../../protocol/state-root.js";
import type { Commitment } from "../commitment-contract.js";
import { chainOf } from "./commitment-rows.js";
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

interface StreamRow {
  readonly tenantId: Buffer;
  readonly storeId: Buffer;
  readonly commitments: number;
  /** Where the last commitment starts that has a chain transaction; 0 = none has. */
  readonly anchoredStart: number;
}

function backfillStream(
  db: Connection,
  leaves: MerkleLeafReader,
  ref: number,
  options: BackfillOptions,
): StreamBackfill {
  const stream = db
    .prepare(
      `SELECT s.tenant_id AS tenantId, s.store_id AS storeId, count(*) AS commitments,
              coalesce(max(CASE WHEN c.chain_tx_hash IS NOT NULL THEN c.sequence_start END), 0) AS anchoredStart
         FROM streams s JOIN ves_commitments c ON c.stream_ref = s.ref WHERE s.ref = ?`,
    )
    .get(ref) as StreamRow;
  const trustedStart = options.isForced ? 0 : stream.anchoredStart;
  const walked = walk(chainOf(db, "ves", ref), leaves, trustedStart);
  const fill = db.prepare("UPDATE ves_commitments SET prev_state_root = ?, new_state_root = ? WHERE batch_id = ?");
  if (walked.fault === null && !options.isDryRun) {
    for (const { batchId, prevStateRoot, newStateRoot } of walked.filled) {
      fill.run(prevStateRoot, newStateRoot, uuidToBytes(batchId));
    }
  }
  const name = { tenantId: uuidFromBytes(stream.tenantId), storeId: uuidFromBytes(stream.storeId) };
  return { ...name, commitments: stream.commitments, filled: walked.filled.length, fault: walked.fault };
}

type StateRoots = Pick<Commitment, "batchId" | "prevStateRoot" | "newStateRoot">;

/** The state roots of commitments that have none. Those of commitments up to `trustedStart` are taken as they are. */
function walk(
  chain: Iterable<Commitment>,
  leaves: MerkleLeafReader,
  trustedStart: number,
): { filled: StateRoots[]; fault: string | null } {
  const filled: StateRoots[] = [];
  let end = 0;
  let root: Uint8Array = GENESIS_STATE_ROOT;
  for (const commitment of chain) {
    const { batchId, sequenceStart, sequenceEnd, newStateRoot } = commitment;
    if (sequenceStart !== end + 1) return { filled, fault: `${batchId} does not follow sequence number ${end}` };
    end = sequenceEnd;
    if (sequenceStart <= trustedStart) {
      root = newStateRoot;
      continue;
    }
    const expected = stateRoot({ ...commitment, prevStateRoot: root });
    if (!bytesEqual(newStateRoot, GENESIS_STATE_ROOT)) {
      const isRight = bytesEqual(newStateRoot, expected);
      if (!isRight) return { filled, fault: `the state root of ${batchId} does not follow from the one before it` };
    } else {
      if (!leaves.hasRoot(commitment))
        return { filled, fault: `the Merkle root of ${batchId} is not that of its events` };
      filled.push({ batchId, prevStateRoot: root, newStateRoot: expected });
    }
    root = expected;
  }
  return { filled, fault: null };
}

function bytesOrNull(id: Uuid | null): Uint8Array | null {
  return id === null ? null : uuidToBytes(id);
}
