/** Reads a compliance proof in any form people store one (sections 7.1, 7.2): bundle, proof JSON, base64, raw bytes. */
import { decodeBase64 } from "../base/base64.js";
import type { AmountBinding } from "./amount-binding.js";
import { isComplianceBundle, parseComplianceBundle } from "./compliance-bundle.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import type { ComplianceInputs } from "./compliance-inputs.js";
import { complianceProofHash } from "./digest.js";
import { ExactJsonError, type ExactJsonObject, isExactJsonObject, parseExactJson } from "./exact-json.js";
import { integerListField, textField } from "./json-fields.js";
import type { Kernels } from "./kernels.js";
import { commitmentFromHex, commitmentToHex } from "./witness-commitment.js";

export interface ProofArtefact {
  readonly proof: Uint8Array;
  /** 64 hex digits, if the artefact states one. A claim of the artefact, not a fact. */
  readonly witnessCommitment: string | null;
  readonly inputs: ComplianceInputs | null;
  readonly amountBinding: AmountBinding | null;
}

/** Throws ComplianceInputError for JSON or text that holds no proof. */
export function readProofArtefact(kernels: Kernels, bytes: Uint8Array): ProofArtefact {
  // No proof begins like a text: its first byte is the width of its trace.
  if (isJsonText(bytes)) return readJson(kernels, utf8Text(bytes));
  const proof = decodeBase64(new TextDecoder("latin1").decode(bytes).trim()) ?? bytes;
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

/** Is the first byte that is no blank an opening brace? */
function isJsonText(bytes: Uint8Array): boolean {
  return bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) === 0x7b;
}

/** A document's text. Bytes that are not UTF-8 are refused: replaced, they would be hashed as what nobody wrote. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ComplianceInputError("not UTF-8");
  }
}

/** Parses a JSON object, with syntax errors turned into input errors. */
export function parseObject(text: string): ExactJsonObject {
  try {
    const json = parseExactJson(text);
    if (isExactJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof ExactJsonError)) throw error;
    throw new ComplianceInputError(`not JSON: ${error.message}`);
  }
  throw new ComplianceInputError("must be a JSON object");
}

const PROOF_KEYS = ["proof_b64", "proofB64", "proof_bytes"];

/** Stated once: of two proofs one would be checked and the other perhaps used. */
function proofBytes(json: ExactJsonObject): Uint8Array {
  const [key, ...more] = PROOF_KEYS.filter((name) => json[name] !== undefined);
  if (key === undefined) throw new ComplianceInputError(`holds no ${PROOF_KEYS.join(", ")}`);
  if (more.length > 0) throw new ComplianceInputError(`holds both ${key} and ${more[0]}`);
  if (key === "proof_bytes") {
    const list = json.proof_bytes;
    if (Array.isArray(list) && list.every((item) => typeof item === "bigint" && item >= 0n && item < 256n)) {
      return Uint8Array.from(list as readonly bigint[], Number);
    }
    throw new ComplianceInputError("proof_bytes must be a list of bytes");
  }
  const proof = decodeBase64(textField(json, key));
  if (proof === null) throw new ComplianceInputError(`${key} must be padded base64`);
  return proof;
}

/** As hex. It may stand in up to four spellings, which must agree; absent or null = not stated. */
function statedCommitment(json: ExactJsonObject): string | null {
  const stated = [
    ...["witness_commitment_hex", "witnessCommitmentHex"].map((key) => commitmentOfHex(json, key)),
    ...["witness_commitment", "witnessCommitment"].map((key) => commitmentOfLimbs(json, key)),
  ].filter((hex) => hex !== null);
  if (stated.some((hex) => hex !== stated[0])) throw new ComplianceInputError("states two witness commitments");
  return stated[0] ?? null;
}

function commitmentOfHex(json: ExactJsonObject, key: string): string | null {
  if ((json[key] ?? null) === null) return null;
  const limbs = commitmentFromHex(textField(json, key));
  if (limbs === null) throw new ComplianceInputError(`${key} is not four canonical field elements`);
  return commitmentToHex(limbs);
}

function commitmentOfLimbs(json: ExactJsonObject, key: string): string | null {
  return (json[key] ?? null) === null ? null : commitmentToHex(integerListField(json, key, 4, 0xffffffffffffffffn));
}
