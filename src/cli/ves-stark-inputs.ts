/** Public inputs of the `ves-stark` commands: made up, or from a file, and held against the flags' policy. */
import { randomUUID } from "node:crypto";
import { parseUuid, type Uuid } from "../base/ids.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { type ComplianceInputs, parseComplianceInputs } from "../stark/compliance-inputs.js";
import { canonicalExactJson } from "../stark/exact-json.js";
import { type Policy, policyHashHex, policyParams } from "../stark/policy.js";
import { parseObject } from "../stark/proof-artefact.js";
import { readText } from "./ves-stark-io.js";

/** Inputs of an event that exists nowhere: random ids, sequence 1, kind 1, zero hashes (section 7.2). */
export function randomInputs(policy: Policy): ComplianceInputs {
  const zeroHash = "0".repeat(64);
  const newId = (): Uuid => parseUuid(randomUUID())!;
  const params = policyParams(policy);
  return {
    eventId: newId(),
    tenantId: newId(),
    storeId: newId(),
    sequenceNumber: 1n,
    payloadKind: 1n,
    payloadPlainHash: zeroHash,
    payloadCipherHash: zeroHash,
    eventSigningHash: zeroHash,
    policyId: policy.policyId,
    policyParams: params,
    policyHash: policyHashHex(policy.policyId, params),
    witnessCommitment: null,
    authorizationReceiptHash: null,
    amountBindingHash: null,
  };
}

/** Inputs from a file; their policy must be the flags', parameters compared exactly. */
export function inputsOfFile(path: string, policy: Policy): ComplianceInputs {
  const inputs = parseComplianceInputs(parseObject(readText(path)));
  requirePolicy(inputs, policy);
  return inputs;
}

/** Throws ComplianceInputError. */
export function requirePolicy(inputs: ComplianceInputs, policy: Policy): void {
  const params = policyParams(policy);
  const isSame =
    inputs.policyId === policy.policyId && canonicalExactJson(inputs.policyParams) === canonicalExactJson(params);
  if (!isSame || inputs.policyHash !== policyHashHex(policy.policyId, params)) {
    throw new ComplianceInputError("the inputs' policy, parameters or hash differ from the flags");
  }
}
