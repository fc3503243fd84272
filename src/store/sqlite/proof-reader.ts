/** Reads of durable proofs on a read-only connection. Synchronous: it runs inside a reader thread. */
import { type Uuid, uuidToBytes } from "../../base/ids.js";
import type { ProofKey, ProofKind, StoredProof } from "../proof-contract.js";
import type { Connection } from "./connection.js";
import {
  keyValues,
  PROOF_TABLE,
  proofBytesFromRow,
  proofFromRow,
  SUBJECT_COLUMN,
  selectProof,
  selectProofByKey,
} from "./proof-rows.js";

export class SqliteProofReader {
  readonly #sql;

  constructor(db: Connection) {
    const prepare = (kind: ProofKind) => ({
      byId: db.prepare(selectProof(kind, "p.proof_id = ?")),
      byKey: db.prepare(selectProofByKey(kind)),
      bySubject: db.prepare(`${selectProof(kind, `p.${SUBJECT_COLUMN[kind]} = ?`)} ORDER BY p.ref`),
      bytes: db.prepare(`SELECT at_rest, proof FROM ${PROOF_TABLE[kind]} WHERE proof_id = ?`),
    });
    this.#sql = { compliance: prepare("compliance"), validity: prepare("validity") };
  }

  proof(kind: ProofKind, proofId: Uuid): StoredProof | null {
    return proofFromRow(this.#sql[kind].byId.get(uuidToBytes(proofId)));
  }

  proofByKey(key: ProofKey): StoredProof | null {
    return proofFromRow(this.#sql[key.kind].byKey.get(...keyValues(key)));
  }

  proofs(kind: ProofKind, subjectId: Uuid): StoredProof[] {
    return this.#sql[kind].bySubject.all(uuidToBytes(subjectId)).map((row) => proofFromRow(row)!);
  }

  proofBytes(kind: ProofKind, proofId: Uuid): Uint8Array | null {
    return proofBytesFromRow(this.#sql[kind].bytes.get(uuidToBytes(proofId)));
  }
}
