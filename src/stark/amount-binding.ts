/**
 * The amount binding (sections 6.2, 6.5): the only link between a proven amount and an event's payload. Whoever extracts
 * the amount from the payload is trusted or re-checks it. It carries the amount in clear.
 */
import { ComplianceInputError } from "./compliance-input-error.js";
import { type ComplianceInputs, type EventFacts, parseEventFacts } from "./compliance-inputs.js";
import { jsonDigestHex } from "./digest.js";
import type { ExactJsonObject } from "./exact-json.js";
import { hashField, integerField } from "./json-fields.js";
import type { Kernels } from "./kernels.js";
import { SAFE_INTEGER_MAX } from "./policy.js";
import { commitAmount, commitmentToHex } from "./witness-commitment.js";

export interface AmountBinding extends EventFacts {
  /** At most 2^53-1 (finding F6). */
  readonly amount: bigint;
  readonly bindingHash: string;
}

const AMOUNT_BINDING_DOMAIN = "STATESET_VES_PAYLOAD_AMOUNT_BINDING_HASH_V1";

const EVENT_FIELDS: readonly (keyof EventFacts)[] = [
  "eventId",
  "tenantId",
  "storeId",
  "sequenceNumber",
  "payloadKind",
  "payloadPlainHash",
  "payloadCipherHash",
  "eventSigningHash",
];

/** States that the event of these inputs carries this amount. */
export function makeAmountBinding(inputs: ComplianceInputs, amount: bigint): AmountBinding {
  if (amount < 0n || amount > SAFE_INTEGER_MAX) throw new ComplianceInputError("amount must be 0 to 2^53-1");
  const { eventId, tenantId, storeId, sequenceNumber, payloadKind } = inputs;
  const { payloadPlainHash, payloadCipherHash, eventSigningHash } = inputs;
  const hashes = { payloadPlainHash, payloadCipherHash, eventSigningHash };
  const unhashed = { eventId, tenantId, storeId, sequenceNumber, payloadKind, ...hashes, amount };
  return { ...unhashed, bindingHash: jsonDigestHex(AMOUNT_BINDING_DOMAIN, unhashed) };
}

/** Reads a binding and recomputes its hash. Throws ComplianceInputError. */
export function parseAmountBinding(json: ExactJsonObject): AmountBinding {
  const unhashed = { ...parseEventFacts(json), amount: integerField(json, "amount", SAFE_INTEGER_MAX) };
  const bindingHash = hashField(json, "bindingHash");
  if (bindingHash !== jsonDigestHex(AMOUNT_BINDING_DOMAIN, unhashed)) {
    throw new ComplianceInputError("bindingHash does not match the binding");
  }
  return { ...unhashed, bindingHash };
}

/** The inputs with commitment and binding hash set from `binding`, which must be about the same event. */
export function bindInputs(kernels: Kernels, inputs: ComplianceInputs, binding: AmountBinding): ComplianceInputs {
  for (const field of EVENT_FIELDS) {
    if (binding[field] !== inputs[field]) throw new ComplianceInputError(`amount binding differs in ${field}`);
  }
  const { bindingHash, ...unhashed } = binding;
  if (bindingHash !== jsonDigestHex(AMOUNT_BINDING_DOMAIN, unhashed)) {
    throw new ComplianceInputError("bindingHash does not match the binding");
  }
  const witnessCommitment = commitmentToHex(commitAmount(kernels, binding.amount));
  if (inputs.witnessCommitment !== null && inputs.witnessCommitment !== witnessCommitment) {
    throw new ComplianceInputError("amount binding differs in witnessCommitment");
  }
  if (inputs.amountBindingHash !== null && inputs.amountBindingHash !== bindingHash) {
    throw new ComplianceInputError("amount binding differs in amountBindingHash");
  }
  return { ...inputs, witnessCommitment, amountBindingHash: bindingHash };
}
