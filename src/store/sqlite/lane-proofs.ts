/** The lane's reads and writes of proofs, inside the chunk's transaction. */
import { uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import { proofKey, proofSubjectKey } from "../chunk-key.js";
import type { ChunkQuery, ChunkState } from "../contract.js";
import type { NewProof, ProofKind } from "../proof-contract.js";
import type { Connection } from "./connection.js";
import { AT_REST_PLAIN, keyValues, PROOF_TABLE, proofFromRow, SUBJECT_COLUMN, selectProofByKey } from "./proof-rows.js";

const SUBJECT_TABLE: Readonly<Record<ProofKind, string>> = {
  compliance: "(SELECT event_id, stream_ref FROM entries WHERE kind = 0)",
  validity: "ves_commitments",
};

/** Columns that only one of the tables has. */
const OWN_COLUMNS: Readonly<Record<ProofKind, readonly string[]>> = {
  compliance: ["policy_id", "policy_params", "policy_hash", "witness_commitment"],
  validity: ["batch_inputs"],
};

export class LaneProofs {
  readonly #sql;

  constructor(db: Connection) {
    const prepare = (kind: ProofKind) => ({
      subject: db.prepare(
        `SELECT s.tenant_id, s.store_id, (SELECT count(*) FROM ${PROOF_TABLE[kind]} WHERE ${SUBJECT_COLUMN[kind]} = :id) AS proofs
           FROM ${SUBJECT_TABLE[kind]} o JOIN streams s ON s.ref = o.stream_ref WHERE o.${SUBJECT_COLUMN[kind]} = :id`,
      ),
      byKey: db.prepare(selectProofByKey(kind)),
      insert: db.prepare(insertText(kind)),
    });
    this.#sql = { compliance: prepare("compliance"), validity: prepare("validity") };
  }

  read(query: ChunkQuery, state: ChunkState): void {
    for (const key of query.proofs) {
      const sql = this.#sql[key.kind];
      const subject = sql.subject.get({ id: uuidToBytes(key.subjectId) }) as SubjectRow | undefined;
      if (subject === undefined) continue;
      const { tenant_id: tenant, store_id: store, proofs } = subject;
      const tenantId = uuidFromBytes(tenant);
      state.proofSubjects.set(proofSubjectKey(key), { tenantId, storeId: uuidFromBytes(store), proofs });
      const stored = proofFromRow(sql.byKey.get(...keyValues(key)));
      if (stored !== null) state.proofs.set(proofKey(key), stored);
    }
  }

  /** The database's own triggers refuse a proof that is not of its subject's stream. */
  write({ stored, proof }: NewProof): void {
    const { kind, policy } = stored;
    const own =
      policy === null
        ? [stored.batchInputs]
        : [policy.policyId, policy.policyParams, policy.policyHash, stored.witnessCommitment];
    this.#sql[kind].insert.run(
      uuidToBytes(stored.tenantId),
      uuidToBytes(stored.storeId),
      uuidToBytes(stored.proofId),
      uuidToBytes(stored.subjectId),
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
  readonly proofs: number;
}
