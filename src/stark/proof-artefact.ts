/** Reads a compliance proof in any form people store one (sections 7.1, 7.2): bundle, proof JSON, base64, raw bytes. */

import { decodeBase64 } from "../base/base64.js";
import type { AmountBinding } from "./amount-binding.js";
import { isJsonObject, type JsonObject, JsonSyntaxError, parseJson } from "./canonical-json.js";
import { isComplianceBundle, parseComplianceBundle } from "./compliance-bundle.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import type { ComplianceInputs } from "./compliance-inputs.js";
import { complianceProofHash } from "./digest.js";
import { integerListField } from "./json-fields.js";
import type { Kernels } from "./kernels.js";
import { commitmentToHex } from "./witness-commitment.js";

export interface ProofArtefact {
  readonly proof: Uint8Array;
  /** 64 hex digits, if the artefact states one. A claim of the artefact, not a fact. */
  readonly witnessCommitment: string | null;
  readonly inputs: ComplianceInputs | null;
  readonly amountBinding: AmountBinding | null;
}

/** Throws ComplianceInputError for JSON or text that holds no proof. */
export function readProofArtefact(kernels: Kernels, bytes: Uint8Array): ProofArtefact {
  const text = new TextDecoder().decode(bytes).trim();
  if (text.startsWith("{")) return readJson(kernels, text);
  const proof = decodeBase64(text) ?? bytes;
  return { proof, witnessCommitment: null, inputs: null, amountBinding: null };
}

function readJson(kernels: Kernels, text: string): ProofArtefact {
  const json = parseObject(text);
  if (isComplianceBundle(json)) {
    const { proof, inputs, amountBinding } = parseComplianceBundle(kernels, json);
    return { proof, inputs, amountBinding, witnessCommitment: inputs.witnessCommitment };
  }
  const proof = proofBytes(json);
  const hash = json.proof_hash ?? json.proofHash;
  if (hash !== undefined && hash !== complianceProofHash(proof)) {
    throw new ComplianceInputError("proof hash does not match the proof");
  }
  return { proof, witnessCommitment: statedCommitment(json), inputs: null, amountBinding: null };
}

/** Parses a JSON object, with syntax errors turned into input errors. */
export function parseObject(text: string): JsonObject {
  try {
    const json = parseJson(text);
    if (isJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ComplianceInputError(`not JSON: ${error.message}`);
  }
  throw new ComplianceInputError("must be a JSON object");
}

function proofBytes(json: JsonObject): Uint8Array {
  const encoded = json.proof_b64 ?? json.proofB64;
  if (typeof encoded === "string") {
    const proof = decodeBase64(encoded);
    if (proof !== null) return proof;
  }
  const list = json.proof_bytes;
  if (Array.isArray(list) && list.every((item) => typeof item === "bigint" && item >= 0n && item < 256n)) {
    return Uint8Array.from(list as readonly bigint[], Number);
  }
  throw new ComplianceInputError("holds no proof_b64, proofB64 or proof_bytes");
}

function statedCommitment(json: JsonObject): string | null {
  const hex = json.witness_commitment_hex ?? json.witnessCommitmentHex;
  if (typeof hex === "string") return hex;
  const key = json.witness_commitment === undefined ? "witnessCommitment" : "witness_commitment";
  if (json[key] === undefined) return null;
  return commitmentToHex(integerListField(json, key, 4, 0xffffffffffffffffn));
}
