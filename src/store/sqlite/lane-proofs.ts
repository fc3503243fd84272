/** The lane's reads and writes of proofs, inside the chunk's transaction. */
import { uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import { proofKey, proofSubjectKey } from "../chunk-key.js";
import type { ChunkQuery, ChunkState } from "../contract.js";
import type { NewProof, ProofKind } from "../proof-contract.js";
import type { Connection } from "./connection.js";
import type { LanePlaces } from "./lane-places.js";
import { AT_REST_PLAIN, keyValues, PROOF_TABLE, proofFromRow, SUBJECT_COLUMN, selectProofByKey } from "./proof-rows.js";

/** Named by the offset of its event, or by itself. */
const SUBJECT: Readonly<Record<ProofKind, string>> = {
  compliance: `entries o JOIN streams s ON s.ref = o.stream_ref WHERE o.kind = 0 AND o."offset" = ?`,
  validity: "ves_commitments o JOIN streams s ON s.ref = o.stream_ref WHERE o.batch_id = ?",
};

/** Columns that only one of the tables has. */
const OWN_COLUMNS: Readonly<Record<ProofKind, readonly string[]>> = {
  compliance: ["policy_id", "policy_params", "policy_hash", "witness_commitment"],
  validity: ["batch_inputs"],
};

export class LaneProofs {
  readonly #places: LanePlaces;
  readonly #sql;

  constructor(db: Connection, places: LanePlaces) {
    this.#places = places;
    const prepare = (kind: ProofKind) => ({
      subject: db.prepare(`SELECT s.tenant_id, s.store_id FROM ${SUBJECT[kind]}`),
      count: db.prepare(`SELECT count(*) FROM ${PROOF_TABLE[kind]} WHERE ${SUBJECT_COLUMN[kind]} = ?`).pluck(),
      byKey: db.prepare(selectProofByKey(kind)),
      insert: db.prepare(insertText(kind)),
    });
    this.#sql = { compliance: prepare("compliance"), validity: prepare("validity") };
  }

  read(query: ChunkQuery, state: ChunkState): void {
    for (const key of query.proofs) {
      const sql = this.#sql[key.kind];
      const id = uuidToBytes(key.subjectId);
      const named = key.kind === "compliance" ? this.#places.offsetOfEvent(id) : id;
      const subject = named === undefined ? undefined : (sql.subject.get(named) as SubjectRow | undefined);
      if (subject === undefined) continue;
      const { tenant_id: tenant, store_id: store } = subject;
      const proofs = sql.count.get(id) as number;
      const tenantId = uuidFromBytes(tenant);
      state.proofSubjects.set(proofSubjectKey(key), { tenantId, storeId: uuidFromBytes(store), proofs });
      const stored = proofFromRow(sql.byKey.get(...keyValues(key)));
      if (stored !== null) state.proofs.set(proofKey(key), stored);
    }
  }

  /** The database's own triggers refuse a proof that is not of its subject's stream: they find an event by the tables alone. */
  write({ stored, proof }: NewProof): void {
    const { kind, policy } = stored;
    const subjectId = uuidToBytes(stored.subjectId);
    if (kind === "compliance") this.#places.mergeEvent(subjectId);
    const own =
      policy === null
        ? [stored.batchInputs]
        : [policy.policyId, policy.policyParams, policy.policyHash, stored.witnessCommitment];
    this.#sql[kind].insert.run(
      uuidToBytes(stored.tenantId),
      uuidToBytes(stored.storeId),
      uuidToBytes(stored.proofId),
      subjectId,
      stored.proofType,
      stored.proofVersion,
      stored.publicInputs,
      stored.proofHash,
      stored.securityBits,
      stored.submittedAtMs,
      AT_REST_PLAIN,
      proof,
      ...own,
    );
  }
}

function insertText(kind: ProofKind): string {
  const own = OWN_COLUMNS[kind];
  return `INSERT INTO ${PROOF_TABLE[kind]} (stream_ref, proof_id, ${SUBJECT_COLUMN[kind]}, proof_type, proof_version,
      public_inputs, proof_hash, security_bits, submitted_at_ms, at_rest, proof, ${own.join(", ")})
    VALUES ((SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
      ${", ?".repeat(own.length)})`;
}

interface SubjectRow {
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
}
