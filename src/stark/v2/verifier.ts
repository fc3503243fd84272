/**
 * Verifier of proof version 2 (spec stark.md section 3, strict as section 11.3 asks). Order of work: cheap structural
 * checks, then the transcript, then algebra at z, then proof of work, then openings. Bounded by the parser: a few
 * thousand compressions for any input that reaches the transcript.
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import { type Air, transcriptSeed } from "./air.js";
import { verifyFri } from "./fri-verifier.js";
import { verifyOpening } from "./merkle-opening.js";
import { checkOutOfDomain, isInsideDomain } from "./ood-check.js";
import { LOG_BLOWUP } from "./options.js";
import type { ProofLayout } from "./proof-parser.js";
import { Transcript } from "./transcript.js";

/** Everything one verification works on; lives in one arena mark. */
interface Session {
  readonly kernels: Kernels;
  readonly air: Air;
  readonly layout: ProofLayout;
  /** The proof's bytes in kernel memory. */
  readonly proof: Pointer;
  readonly transcript: Transcript;
}

interface Challenges {
  readonly z: Pointer;
  readonly trace: Pointer;
  readonly parts: Pointer;
  readonly deep: Pointer;
  readonly alphas: Pointer;
  readonly positions: readonly number[];
}

/** Null if the proof shows the statement of `air`. The layout must be the parse of `bytes`. */
export function verifyProof(kernels: Kernels, air: Air, bytes: Uint8Array, layout: ProofLayout): Refusal | null {
  const { kind, logTraceLength } = layout.shape;
  if (kind !== air.shape.kind || logTraceLength !== air.shape.logTraceLength) {
    return refuse("CONTEXT_MISMATCH", `proof is of ${kind} with 2^${logTraceLength} rows`);
  }
  const mark = kernels.mark();
  try {
    const proof = kernels.putBytes(bytes);
    const transcript = new Transcript(kernels, transcriptSeed(air, layout.options), layout.options.extensionDegree);
    const session = { kernels, air, layout, proof, transcript };
    const challenges = replayTranscript(session);
    return "code" in challenges ? challenges : verifyQueries(session, challenges);
  } finally {
    kernels.release(mark);
  }
}

/** Steps a to h of section 3.3, with the checks that need no opening. */
function replayTranscript(session: Session): Challenges | Refusal {
  const { kernels, air, layout, proof, transcript } = session;
  const { options } = layout;
  const commitments = proof + layout.commitmentsAt;
  transcript.reseed(commitments);
  const coefficients = transcript.draw(air.program.constraints + air.assertions.length);
  transcript.reseed(commitments + 32);
  const z = transcript.draw(1);
  if (isInsideDomain(kernels, z, air.shape.logTraceLength)) return refuse("DEGENERATE_POINT", "z lies in the domain");

  const ood = loadOod(session);
  if ("code" in ood) return ood;
  const inconsistent = checkOutOfDomain(kernels, air, { z, ...ood }, coefficients);
  if (inconsistent !== null) return inconsistent;

  const limbs = 8 * options.extensionDegree;
  transcript.reseedWithHash(proof + layout.oodTraceAt, 2 * air.shape.width * limbs);
  transcript.reseedWithHash(proof + layout.oodPartsAt, air.shape.compositionColumns * limbs);
  const deep = transcript.draw(air.shape.width + air.shape.compositionColumns);
  const layers = layout.friLayers.length;
  const alphas = kernels.alloc(16 * (layers + 1));
  for (let i = 0; i <= layers; i++) {
    transcript.reseed(commitments + 32 * (2 + i));
    const alpha = transcript.draw(1);
    kernels.bytes(alphas + 16 * i, 16).set(kernels.bytes(alpha, 16));
  }
  if (!transcript.absorbNonce(layout.nonce, options.grindingBits)) {
    return refuse("PROOF_OF_WORK_INSUFFICIENT", `nonce does not give ${options.grindingBits} bits`);
  }
  const positions = transcript.drawPositions(options.queries, air.shape.logTraceLength + LOG_BLOWUP);
  if (positions.length !== layout.uniqueQueries) {
    return refuse("QUERY_COUNT_MISMATCH", `${positions.length} distinct positions, proof has ${layout.uniqueQueries}`);
  }
  return { z, ...ood, deep, alphas, positions };
}

function loadOod(session: Session): { trace: Pointer; parts: Pointer } | Refusal {
  const { kernels, air, layout, proof } = session;
  const { width, compositionColumns } = air.shape;
  const degree = layout.options.extensionDegree;
  const trace = kernels.alloc(width * 32);
  const parts = kernels.alloc(compositionColumns * 16);
  const isCanonical =
    kernels.call.loadElements(trace, proof + layout.oodTraceAt, 2 * width, degree) &
    kernels.call.loadElements(parts, proof + layout.oodPartsAt, compositionColumns, degree);
  return isCanonical === 1 ? { trace, parts } : refuse("NON_CANONICAL_ELEMENT", "out-of-domain frame");
}

/** Sections 3.5 to 3.7: openings of the queried rows, then their low degree. */
function verifyQueries(session: Session, challenges: Challenges): Refusal | null {
  const { kernels, air, layout, proof } = session;
  const { call } = kernels;
  const { width, compositionColumns, logTraceLength } = air.shape;
  const { positions } = challenges;
  const degree = layout.options.extensionDegree;
  const commitments = proof + layout.commitmentsAt;
  const leaves = kernels.alloc(32 * positions.length);
  call.hashRows(leaves, proof + layout.traceRowsAt, width * 8, positions.length);
  if (!verifyOpening(kernels, commitments, positions, leaves, layout.traceOpening, proof)) {
    return refuse("OPENING_INVALID", "trace");
  }
  call.hashRows(leaves, proof + layout.partRowsAt, compositionColumns * 8 * degree, positions.length);
  if (!verifyOpening(kernels, commitments + 32, positions, leaves, layout.partOpening, proof)) {
    return refuse("OPENING_INVALID", "constraints");
  }
  const values = kernels.alloc(16 * positions.length);
  const frame = deepFrame(kernels, air, challenges);
  const code = call.deepRows(
    values,
    proof + layout.traceRowsAt,
    width,
    proof + layout.partRowsAt,
    compositionColumns,
    degree,
    positions.length,
    kernels.putWords(positions),
    logTraceLength + LOG_BLOWUP,
    challenges.deep,
    frame,
    kernels.alloc(64 * positions.length + 16 * compositionColumns),
  );
  if (code === 2) return refuse("DEGENERATE_POINT", "a query meets the out-of-domain point");
  if (code === 0) return refuse("NON_CANONICAL_ELEMENT", "queried row");
  return verifyFri(kernels, layout, proof, challenges.alphas, positions, values);
}

/** z, zg, sum a_i T_i(z), sum a_i T_i(zg), sum b_j H_j(z): what DEEP subtracts from every row (section 3.6). */
export function deepFrame(
  kernels: Kernels,
  air: Air,
  point: { z: Pointer; trace: Pointer; parts: Pointer; deep: Pointer },
): Pointer {
  const { call } = kernels;
  const { width, compositionColumns, logTraceLength } = air.shape;
  const frame = kernels.alloc(80);
  const root = call.rootOfUnity(logTraceLength);
  const [a, b] = kernels.elements(point.z, 2);
  kernels.elements(frame, 4).set([a!, b!, call.fieldMul(a!, root), call.fieldMul(b!, root)]);
  call.innerProduct(frame + 32, point.deep, point.trace, width, 32);
  call.innerProduct(frame + 48, point.deep, point.trace + 16, width, 32);
  call.innerProduct(frame + 64, point.deep + 16 * width, point.parts, compositionColumns, 16);
  return frame;
}
