import { createHash } from "node:crypto";
import type { ProofKind } from "./proof-contract.js";

const DOMAINS: Readonly<Record<ProofKind, string>> = {
  compliance: "STATESET_VES_COMPLIANCE_PROOF_HASH_V1",
  validity: "STATESET_VES_VALIDITY_PROOF_HASH_V1",
};

/** What identifies a proof's bytes, 32 bytes (ves-protocol §1). Native: it runs on the main thread, over up to 2 MiB. */
export function proofHash(kind: ProofKind, proof: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(DOMAINS[kind]).update(proof).digest());
}
