/**
 * Portable artefact of a compliance proof (section 7.1, version 1): the proof, the inputs it is bound to, and the amount in
 * clear. A reader checks every redundant field, so that none can mislead.
 */
import { decodeBase64, encodeBase64 } from "../base/base64.js";
import { type AmountBinding, bindInputs, parseAmountBinding } from "./amount-binding.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import {
  boundInputsHash,
  type ComplianceInputs,
  complianceInputsJson,
  inputsHash,
  parseComplianceInputs,
} from "./compliance-inputs.js";
import { complianceProofHash, jsonDigestHex } from "./digest.js";
import { type ExactJsonObject, isExactJsonObject } from "./exact-json.js";
import { hashField, integerField, integerListField, objectField, requireEqual, textField } from "./json-fields.js";
import type { Kernels } from "./kernels.js";
import { COMPLIANCE_CONSTRAINTS } from "./v2/compliance-air.js";
import { COMPLIANCE_SHAPE } from "./v2/proof-shape.js";
import { commitmentFromHex } from "./witness-commitment.js";

const BUNDLE_VERSION = 1n;
const PROOF_VERSION = 2n;
const BUNDLE_DOMAIN = "STATESET_VES_COMPLIANCE_PROOF_BUNDLE_HASH_V1";
const U64_MAX = 0xffffffffffffffffn;

export interface ComplianceBundle {
  readonly proof: Uint8Array;
  /** With commitment and amount binding hash set. */
  readonly inputs: ComplianceInputs;
  readonly amountBinding: AmountBinding;
}

/** Inner keys are snake_case in every artefact. */
export function proofMetadata(proof: Uint8Array, provingTimeMs: number, proverVersion: string): ExactJsonObject {
  return {
    proving_time_ms: BigInt(Math.round(provingTimeMs)),
    num_constraints: BigInt(COMPLIANCE_CONSTRAINTS),
    trace_length: BigInt(2 ** COMPLIANCE_SHAPE.logTraceLength),
    proof_size: BigInt(proof.length),
    prover_version: proverVersion,
  };
}

/** JSON form, bundle hash included. */
export function complianceBundleJson(bundle: ComplianceBundle, metadata: ExactJsonObject): ExactJsonObject {
  const { proof, inputs, amountBinding } = bundle;
  const unhashed: ExactJsonObject = {
    version: BUNDLE_VERSION,
    proofType: "stark",
    proofVersion: PROOF_VERSION,
    proofB64: encodeBase64(proof),
    proofHash: complianceProofHash(proof),
    metadata,
    witnessCommitment: commitmentFromHex(inputs.witnessCommitment ?? "") ?? [],
    witnessCommitmentHex: inputs.witnessCommitment,
    publicInputs: complianceInputsJson(inputs),
    publicInputsHash: inputsHash(inputs),
    boundPublicInputsHash: boundInputsHash(inputs),
    amountBinding: { ...amountBinding },
  };
  return { ...unhashed, bundleHash: jsonDigestHex(BUNDLE_DOMAIN, unhashed) };
}

export function isComplianceBundle(json: ExactJsonObject): boolean {
  return json.bundleHash !== undefined && isExactJsonObject(json.publicInputs);
}

/** Reads a bundle and checks that its parts agree. Does not verify the proof. Throws ComplianceInputError. */
export function parseComplianceBundle(kernels: Kernels, json: ExactJsonObject): ComplianceBundle {
  if (integerField(json, "version", U64_MAX) !== BUNDLE_VERSION) throw new ComplianceInputError("version must be 1");
  if (textField(json, "proofType") !== "stark") throw new ComplianceInputError("proofType must be stark");
  if (integerField(json, "proofVersion", U64_MAX) !== PROOF_VERSION) {
    throw new ComplianceInputError("proofVersion must be 2");
  }
  const { bundleHash, ...unhashed } = json;
  requireEqual("bundleHash", bundleHash, jsonDigestHex(BUNDLE_DOMAIN, unhashed));
  const proof = decodeBase64(textField(json, "proofB64"));
  if (proof === null) throw new ComplianceInputError("proofB64 must be padded base64");
  requireEqual("proofHash", hashField(json, "proofHash"), complianceProofHash(proof));
  const inputs = parseComplianceInputs(objectField(json, "publicInputs"));
  const amountBinding = parseAmountBinding(objectField(json, "amountBinding"));
  const bound = bindInputs(kernels, inputs, amountBinding);
  requireEqual("witnessCommitmentHex", hashField(json, "witnessCommitmentHex"), bound.witnessCommitment);
  const limbs = integerListField(json, "witnessCommitment", 4, U64_MAX);
  requireEqual("witnessCommitment", limbs.join(), commitmentFromHex(bound.witnessCommitment ?? "")?.join());
  requireEqual("publicInputsHash", hashField(json, "publicInputsHash"), inputsHash(inputs));
  requireEqual("boundPublicInputsHash", hashField(json, "boundPublicInputsHash"), boundInputsHash(inputs));
  return { proof, inputs: bound, amountBinding };
}
