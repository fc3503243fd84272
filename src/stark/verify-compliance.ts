/**
 * Verification of a compliance proof against an event's public inputs, in the order of section 6.5. The caller says what
 * ties the amount to the event: an amount binding, or nothing but the witness commitment; the answer repeats it.
 */
import { type AmountBinding, bindInputs } from "./amount-binding.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import { type ComplianceInputs, complianceStatement, inputsPolicy } from "./compliance-inputs.js";
import type { Kernels } from "./kernels.js";
import { type Policy, samePolicy } from "./policy.js";
import { type Acceptance, type Verdict, verify } from "./verify.js";

export interface ComplianceCheck {
  readonly proof: Uint8Array;
  /** Rebuilt from the trusted event record, never taken from the proof's artefact. */
  readonly inputs: ComplianceInputs;
  /** Policy the caller insists on; null takes the inputs' own. */
  readonly policy: Policy | null;
  /** 64 hex digits; null takes the inputs' own. */
  readonly witnessCommitment: string | null;
  readonly amountBinding: AmountBinding | null;
  readonly acceptance?: Acceptance;
}

/** `payload-amount`: the proven amount is the binding's. `witness-only`: it is some amount behind the commitment. */
export type AmountLink = "payload-amount" | "witness-only";

export type ComplianceVerdict = Verdict & { readonly amountLink: AmountLink };

/** Throws ComplianceInputError for malformed or disagreeing inputs; a bad proof is a verdict, never an exception. */
export function verifyCompliance(kernels: Kernels, check: ComplianceCheck): ComplianceVerdict {
  const { policy, amountBinding } = check;
  const inputs = amountBinding === null ? check.inputs : bindInputs(kernels, check.inputs, amountBinding);
  if (policy !== null && !samePolicy(policy, inputsPolicy(inputs))) {
    throw new ComplianceInputError("policy differs from the public inputs");
  }
  const statement = complianceStatement(inputs, check.witnessCommitment);
  const verdict = verify(kernels, check.proof, statement, check.acceptance);
  return { ...verdict, amountLink: amountBinding === null ? "witness-only" : "payload-amount" };
}
