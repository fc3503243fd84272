/**
 * Parameter sets of proof version 2. A verifier accepts whole tuples from this list and nothing else (section 6.5), so no
 * number of a proof is ever trusted as a size.
 */

export interface ProofOptions {
  readonly queries: number;
  readonly blowup: number;
  readonly grindingBits: number;
  readonly extensionDegree: 1 | 2;
  readonly folding: number;
  readonly remainderDegreeMax: number;
}

export type ProofProfile = "default" | "secure" | "fast";

/** Section 6.5. Partitions and hash rate are 1 in every set. */
export const PROOF_PROFILES: Readonly<Record<ProofProfile, ProofOptions>> = {
  default: { queries: 18, blowup: 16, grindingBits: 8, extensionDegree: 1, folding: 16, remainderDegreeMax: 15 },
  secure: { queries: 40, blowup: 16, grindingBits: 20, extensionDegree: 2, folding: 8, remainderDegreeMax: 15 },
  fast: { queries: 20, blowup: 16, grindingBits: 8, extensionDegree: 1, folding: 8, remainderDegreeMax: 15 },
};

/** log2 of the blowup shared by all sets. */
export const LOG_BLOWUP = 4;

/** The eight option bytes of a proof, in wire order (section 2 field 7). */
export function optionBytes(options: ProofOptions): number[] {
  return [
    options.queries,
    options.blowup,
    options.grindingBits,
    options.extensionDegree,
    options.folding,
    options.remainderDegreeMax,
    1,
    1,
  ];
}

/** The profile with exactly these option bytes, or null. */
export function profileOf(bytes: Uint8Array): ProofProfile | null {
  for (const profile of ["default", "secure", "fast"] as const) {
    if (optionBytes(PROOF_PROFILES[profile]).every((byte, i) => byte === bytes[i])) return profile;
  }
  return null;
}

/** Query security counts grinding only from this many bits on, as the original's estimate does. */
const GRINDING_COUNTS_FROM_BITS = 80;
const HASH_COLLISION_BITS = 128;

/**
 * Conjectured security in bits, the original's estimate: default 55 and secure 119 for compliance (section 0). It holds
 * only for a verifier that checks the FRI remainder commitment (finding F1), and says nothing about what the AIR proves.
 */
export function conjecturedSecurityBits(options: ProofOptions, logTraceLength: number): number {
  const fieldBits = 64 * options.extensionDegree - (logTraceLength + LOG_BLOWUP);
  let queryBits = LOG_BLOWUP * options.queries;
  if (queryBits >= GRINDING_COUNTS_FROM_BITS) queryBits += options.grindingBits;
  return Math.min(Math.min(fieldBits, queryBits) - 1, HASH_COLLISION_BITS);
}

/** Number of FRI layers and the remainder's length for a trace of n = 2^logTraceLength rows (section 3.7). */
export function friPlan(options: ProofOptions, logTraceLength: number): { layers: number; remainderLength: number } {
  let domain = 2 ** (logTraceLength + LOG_BLOWUP);
  let layers = 0;
  while (domain > (options.remainderDegreeMax + 1) * options.blowup) {
    domain /= options.folding;
    layers++;
  }
  return { layers, remainderLength: domain / options.blowup };
}
