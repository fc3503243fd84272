/**
 * Every registered proof: its bytes and its policy have their hashes, and the event or commitment it is of is in its stream.
 * What it shows is verified afresh by whoever asks the service for it. Memory: one proof.
 */
import { bytesEqual } from "../base/bytes.js";
import { uuidFromBytes } from "../base/ids.js";
import { type ExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import { policyHash } from "../stark/policy.js";
import type { ProofKind } from "../store/proof-contract.js";
import { proofHash } from "../store/proof-hash.js";
import type { Connection } from "../store/sqlite/connection.js";
import { hasPlaceTables } from "../store/sqlite/place-rows.js";
import { AT_REST_PLAIN, PROOF_TABLE } from "../store/sqlite/proof-rows.js";
import { hasTable } from "../store/sqlite/schema-questions.js";

type ProofRow = readonly [
  proofId: Buffer,
  atRest: number,
  proof: Buffer,
  proofHash: Buffer,
  policyId: string | null,
  policyParams: string | null,
  policyHash: Buffer | null,
  hasSubject: number,
];

/** Call when every entry and commitment was found sound. Names every bad proof. */
export function* checkProofs(db: Connection): Iterable<string> {
  for (const kind of ["compliance", "validity"] as const) {
    // A backup may be older than the tables.
    if (!hasTable(db, PROOF_TABLE[kind])) continue;
    for (const row of db.prepare(selectProofs(db, kind)).raw().iterate() as Iterable<ProofRow>) {
      const fault = proofFault(kind, row);
      if (fault !== null) yield `${kind} proof ${uuidFromBytes(row[0])}: ${fault}`;
    }
  }
}

function proofFault(kind: ProofKind, row: ProofRow): string | null {
  const [, atRest, proof, hash, policyId, policyParams, storedPolicyHash, hasSubject] = row;
  if (hasSubject !== 1) return `its ${kind === "compliance" ? "event" : "commitment"} is not in its stream`;
  if (atRest !== AT_REST_PLAIN) return `it is kept in form ${atRest}, which this build does not know`;
  if (!bytesEqual(proofHash(kind, proof), hash)) return "its bytes do not match their hash";
  if (policyId === null || policyParams === null || storedPolicyHash === null) return null;
  return isPolicy(policyId, policyParams, storedPolicyHash) ? null : "its policy does not match its hash";
}

/** Of text that is no JSON any more nothing can be hashed. */
function isPolicy(policyId: string, policyParams: string, hash: Uint8Array): boolean {
  try {
    return bytesEqual(policyHash(policyId, parseExactJson(policyParams) as ExactJsonObject), hash);
  } catch {
    return false;
  }
}

function selectProofs(db: Connection, kind: ProofKind): string {
  const [policy, subject] =
    kind === "compliance"
      ? ["p.policy_id, p.policy_params, p.policy_hash", eventOfProof(db)]
      : ["NULL, NULL, NULL", "ves_commitments c WHERE c.batch_id = p.batch_id AND c.stream_ref = p.stream_ref"];
  return `SELECT p.proof_id, p.at_rest, p.proof, p.proof_hash, ${policy}, EXISTS (SELECT 1 FROM ${subject}) FROM ${PROOF_TABLE[kind]} p`;
}

function eventOfProof(db: Connection): string {
  const isEvent = "e.event_id = p.event_id AND e.stream_ref = p.stream_ref AND e.kind = 0";
  if (!hasPlaceTables(db)) return `entries e WHERE ${isEvent}`;
  return `places_by_id l JOIN entries e ON e."offset" = l."offset" WHERE l.event_id = p.event_id AND ${isEvent}`;
}
