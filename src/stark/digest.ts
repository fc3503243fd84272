/** Domain-separated SHA-256 as the STARK artefacts use it (section 6.2): domain text, then data, nothing between. */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../base/bytes.js";
import { canonicalExactJson, type ExactJson } from "./exact-json.js";

const COMPLIANCE_PROOF_DOMAIN = "STATESET_VES_COMPLIANCE_PROOF_HASH_V1";
const BATCH_PROOF_DOMAIN = "STATESET_VES_BATCH_PROOF_HASH_V1";

/** Hash of a JSON value's canonical form behind a domain; an empty domain is a plain hash. */
export function jsonDigest(domain: string, value: ExactJson): Uint8Array {
  return sha256(utf8(domain + canonicalExactJson(value)));
}

export function jsonDigestHex(domain: string, value: ExactJson): string {
  return toHex(jsonDigest(domain, value));
}

/** Hash that identifies a compliance proof in requests and bundles. */
export function complianceProofHash(proof: Uint8Array): string {
  return proofHash(COMPLIANCE_PROOF_DOMAIN, proof);
}

export function batchProofHash(proof: Uint8Array): string {
  return proofHash(BATCH_PROOF_DOMAIN, proof);
}

function proofHash(domain: string, proof: Uint8Array): string {
  return toHex(sha256.create().update(utf8(domain)).update(proof).digest());
}
