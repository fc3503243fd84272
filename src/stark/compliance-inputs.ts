/**
 * Public inputs of a compliance proof (sections 6.1 to 6.3): what the sequencer knows of an event and a policy, its
 * canonical forms and hashes, and the field elements a proof is bound to.
 */
import { type Uuid, uuidToBytes } from "../base/ids.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import { jsonDigestHex } from "./digest.js";
import type { ExactJsonObject } from "./exact-json.js";
import { bytesToLimbs } from "./field.js";
import {
  hashBytes,
  hashField,
  integerField,
  objectField,
  optionalHashField,
  textField,
  uuidField,
} from "./json-fields.js";
import { effectiveLimit, type Policy, parsePolicy, policyHashHex, SAFE_INTEGER_MAX } from "./policy.js";
import type { ComplianceStatement } from "./statement.js";
import { commitmentFromHex, commitmentToHex } from "./witness-commitment.js";

/** What public inputs, and an amount binding with them, say of an event. Hashes are 64 lower-case hex digits. */
export interface EventFacts {
  readonly eventId: Uuid;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** At most 2^53-1 (finding F6). */
  readonly sequenceNumber: bigint;
  /** u32. */
  readonly payloadKind: bigint;
  readonly payloadPlainHash: string;
  readonly payloadCipherHash: string;
  readonly eventSigningHash: string;
}

export interface ComplianceInputs extends EventFacts {
  readonly policyId: string;
  readonly policyParams: ExactJsonObject;
  readonly policyHash: string;
  readonly witnessCommitment: string | null;
  readonly authorizationReceiptHash: string | null;
  readonly amountBindingHash: string | null;
}

const U32_MAX = 0xffffffffn;

/** Throws ComplianceInputError. */
export function parseEventFacts(json: ExactJsonObject): EventFacts {
  return {
    eventId: uuidField(json, "eventId"),
    tenantId: uuidField(json, "tenantId"),
    storeId: uuidField(json, "storeId"),
    sequenceNumber: integerField(json, "sequenceNumber", SAFE_INTEGER_MAX),
    payloadKind: integerField(json, "payloadKind", U32_MAX),
    payloadPlainHash: hashField(json, "payloadPlainHash"),
    payloadCipherHash: hashField(json, "payloadCipherHash"),
    eventSigningHash: hashField(json, "eventSigningHash"),
  };
}

/** Reads public inputs. Unknown fields are ignored, as the original does. Throws ComplianceInputError. */
export function parseComplianceInputs(json: ExactJsonObject): ComplianceInputs {
  return {
    ...parseEventFacts(json),
    policyId: textField(json, "policyId"),
    policyParams: objectField(json, "policyParams"),
    policyHash: hashField(json, "policyHash"),
    witnessCommitment: optionalHashField(json, "witnessCommitment"),
    authorizationReceiptHash: optionalHashField(json, "authorizationReceiptHash"),
    amountBindingHash: optionalHashField(json, "amountBindingHash"),
  };
}

/** JSON form; optional fields appear only when present. */
export function complianceInputsJson(inputs: ComplianceInputs): ExactJsonObject {
  const { witnessCommitment, authorizationReceiptHash, amountBindingHash, ...required } = inputs;
  return {
    ...required,
    ...(witnessCommitment === null ? {} : { witnessCommitment }),
    ...(authorizationReceiptHash === null ? {} : { authorizationReceiptHash }),
    ...(amountBindingHash === null ? {} : { amountBindingHash }),
  };
}

/** SHA-256 of the canonical form without the commitment (section 6.2). */
export function inputsHash(inputs: ComplianceInputs): string {
  return jsonDigestHex("", complianceInputsJson({ ...inputs, witnessCommitment: null }));
}

/** SHA-256 of the canonical form with the commitment: the per-event value in batches. */
export function boundInputsHash(inputs: ComplianceInputs): string {
  if (inputs.witnessCommitment === null) throw new ComplianceInputError("witnessCommitment is required");
  return jsonDigestHex("", complianceInputsJson(inputs));
}

/** The 47 elements (section 6.3). */
export function inputElements(inputs: ComplianceInputs): bigint[] {
  const { eventId, tenantId, storeId, sequenceNumber, payloadKind } = inputs;
  const { payloadPlainHash, payloadCipherHash, eventSigningHash, policyHash } = inputs;
  return [
    ...[eventId, tenantId, storeId].flatMap((id) => bytesToLimbs(uuidToBytes(id))),
    sequenceNumber & U32_MAX,
    sequenceNumber >> 32n,
    payloadKind,
    ...[payloadPlainHash, payloadCipherHash, eventSigningHash, policyHash].flatMap((hash) =>
      bytesToLimbs(hashBytes(hash)),
    ),
  ];
}

/** The policy of the inputs, once its hash has been recomputed and found equal. Throws ComplianceInputError. */
export function inputsPolicy(inputs: ComplianceInputs): Policy {
  if (policyHashHex(inputs.policyId, inputs.policyParams) !== inputs.policyHash) {
    throw new ComplianceInputError("policyHash does not match policyId and policyParams");
  }
  return parsePolicy(inputs.policyId, inputs.policyParams);
}

/**
 * The statement a proof of these inputs must show. `witnessCommitment` (64 hex digits) must equal the inputs' own when
 * they carry one, and is taken from them when null. Throws ComplianceInputError.
 */
export function complianceStatement(inputs: ComplianceInputs, witnessCommitment: string | null): ComplianceStatement {
  const own = inputs.witnessCommitment;
  const hex = witnessCommitment ?? own;
  if (hex === null) throw new ComplianceInputError("witnessCommitment is required");
  const commitment = commitmentFromHex(hex);
  if (commitment === null) throw new ComplianceInputError("witnessCommitment is not four canonical field elements");
  if (own !== null && own !== commitmentToHex(commitment)) {
    throw new ComplianceInputError("witnessCommitment differs from the public inputs");
  }
  return {
    proofVersion: 2,
    kind: "compliance",
    effectiveLimit: effectiveLimit(inputsPolicy(inputs)),
    inputElements: inputElements(inputs),
    witnessCommitment: commitment,
  };
}
