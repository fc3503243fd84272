/**
 * The transcript of a proof, replayed in full before any challenge is drawn (section 3.3). What is drawn changes no later
 * seed, so the proof of work and the query positions are known for the price of hashing the commitments and the
 * out-of-domain frame: bytes that nobody worked for are refused here.
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import { type Instance, transcriptSeed } from "./air.js";
import { LOG_BLOWUP } from "./options.js";
import type { ProofLayout } from "./proof-parser.js";
import { Transcript } from "./transcript.js";

/** The seed of each challenge, 32 bytes, and the positions drawn from the last one. */
export interface Challenges {
  readonly coefficients: Pointer;
  readonly z: Pointer;
  readonly deep: Pointer;
  /** One per FRI layer. */
  readonly alphas: readonly Pointer[];
  /** Distinct, ascending. */
  readonly positions: readonly number[];
}

/** Reads the commitments, the out-of-domain frame and the nonce. `proof` is where the proof's bytes lie. */
export function replayTranscript(
  kernels: Kernels,
  instance: Instance,
  layout: ProofLayout,
  proof: Pointer,
): Challenges | Refusal {
  const { options, shape } = layout;
  const limbs = 8 * options.extensionDegree;
  const commitments = proof + layout.commitmentsAt;
  const transcript = new Transcript(kernels, transcriptSeed(instance, options), options.extensionDegree);
  transcript.reseed(commitments);
  const coefficients = transcript.keepSeed();
  transcript.reseed(commitments + 32);
  const z = transcript.keepSeed();
  transcript.reseedWithHash(proof + layout.oodTraceAt, 2 * shape.width * limbs);
  transcript.reseedWithHash(proof + layout.oodPartsAt, shape.compositionColumns * limbs);
  const deep = transcript.keepSeed();
  const alphas = layout.friLayers.map((_, i) => {
    transcript.reseed(commitments + 32 * (2 + i));
    return transcript.keepSeed();
  });
  transcript.reseed(commitments + 32 * (2 + layout.friLayers.length));
  if (!transcript.absorbNonce(layout.nonce, options.grindingBits)) {
    return refuse("PROOF_OF_WORK_INSUFFICIENT", `nonce does not give ${options.grindingBits} bits`);
  }
  const positions = transcript.drawPositions(options.queries, shape.logTraceLength + LOG_BLOWUP);
  if (positions.length !== layout.uniqueQueries) {
    return refuse("QUERY_COUNT_MISMATCH", `${positions.length} distinct positions, proof has ${layout.uniqueQueries}`);
  }
  return { coefficients, z, deep, alphas, positions };
}
