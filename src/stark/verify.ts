/**
 * The one door to proof verification: `verify(kernels, proof, statement, acceptance)`. Each proof version is a module of
 * its own (AIR, options, commitment scheme), so a later version is a new case here and changes no existing one.
 *
 * A version 2 proof shows amount <= limit for the committed amount. It does not hide the amount (finding F3), does not
 * tie it to a payload (section 5.5), and a batch proof is no evidence against a malicious prover (finding F4).
 */
import type { Kernels } from "./kernels.js";
import { type Refusal, refuse } from "./refusal.js";
import { complianceStatementFault, type Statement } from "./statement.js";
import type { Air, Instance } from "./v2/air.js";
import { batchAir, batchInstance } from "./v2/batch-air.js";
import { batchStatementFault } from "./v2/batch-statement.js";
import { complianceAir, complianceInstance } from "./v2/compliance-air.js";
import { conjecturedSecurityBits, type ProofProfile } from "./v2/options.js";
import { parseProof } from "./v2/proof-parser.js";
import { verifyProof } from "./v2/verifier.js";

export interface Acceptance {
  /** Option sets to accept. `default` gives about 55 bits and is for compatibility only. */
  readonly profiles: readonly ProofProfile[];
}

/** Accepts `secure` only (section 13 item 2). */
const ACCEPT_SECURE: Acceptance = { profiles: ["secure"] };

export type Verdict =
  | {
      readonly valid: true;
      readonly profile: ProofProfile;
      /** Conjectured, of the proof system; see `conjecturedSecurityBits`. */
      readonly securityBits: number;
    }
  | ({ readonly valid: false } & Refusal);

/** Total over `proof`: never throws on its bytes. Pure but for the kernels' scratch memory. */
export function verify(
  kernels: Kernels,
  proof: Uint8Array,
  statement: Statement,
  acceptance: Acceptance = ACCEPT_SECURE,
): Verdict {
  switch (statement.proofVersion) {
    case 2:
      return verifyVersion2(kernels, proof, statement, acceptance);
    default:
      return { valid: false, ...refuse("PROOF_VERSION_UNSUPPORTED", "only proof version 2 is known") };
  }
}

function verifyVersion2(kernels: Kernels, proof: Uint8Array, statement: Statement, acceptance: Acceptance): Verdict {
  const layout = parseProof(proof);
  if ("code" in layout) return { valid: false, ...layout };
  if (!acceptance.profiles.includes(layout.profile)) {
    return { valid: false, ...refuse("OPTIONS_NOT_ACCEPTED", `option set ${layout.profile} is not accepted`) };
  }
  const fault = statementFault(statement);
  if (fault !== null) return { valid: false, ...refuse("STATEMENT_INVALID", fault) };
  const refusal = verifyProof(kernels, instanceOf(statement), () => airOf(kernels, statement), proof, layout);
  if (refusal !== null) return { valid: false, ...refusal };
  const securityBits = conjecturedSecurityBits(layout.options, layout.shape.logTraceLength);
  return { valid: true, profile: layout.profile, securityBits };
}

/** Null if well formed, else what is wrong. */
function statementFault(statement: Statement): string | null {
  return statement.kind === "compliance" ? complianceStatementFault(statement) : batchStatementFault(statement);
}

function instanceOf(statement: Statement): Instance {
  return statement.kind === "compliance" ? complianceInstance(statement) : batchInstance(statement);
}

export function airOf(kernels: Kernels, statement: Statement): Air {
  return statement.kind === "compliance" ? complianceAir(statement) : batchAir(kernels, statement);
}
