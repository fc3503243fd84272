/**
 * Verifier of proof version 2 (spec stark.md section 3, strict as section 11.3 asks). What costs little and refuses most
 * comes first: structure, proof of work, the form of the openings, their hashes; then the algebra at z, DEEP and FRI. The
 * order decides which reason a refusal names, never whether there is one. Bounded by the parser: a few thousand
 * compressions for any input that reaches the transcript.
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import type { Air, Instance } from "./air.js";
import { type Challenges, replayTranscript } from "./challenges.js";
import { verifyFri } from "./fri-verifier.js";
import { checkOutOfDomain, isInsideDomain } from "./ood-check.js";
import { LOG_BLOWUP } from "./options.js";
import type { ProofLayout } from "./proof-parser.js";
import { areCommitted, type OpenedRows, planOpenings } from "./query-openings.js";
import { drawFrom } from "./transcript.js";

/** Everything one verification works on; lives in one arena mark. */
interface Session {
  readonly kernels: Kernels;
  readonly instance: Instance;
  readonly layout: ProofLayout;
  /** The proof's bytes in kernel memory. */
  readonly proof: Pointer;
}

/** The out-of-domain frame as 16-byte elements. */
interface Frame {
  readonly trace: Pointer;
  readonly parts: Pointer;
}

/**
 * Null if the proof shows the statement of `instance`. The layout must be the parse of `bytes`. `buildAir` gives that
 * statement's AIR and is called only once everything that does not need it has passed.
 */
export function verifyProof(
  kernels: Kernels,
  instance: Instance,
  buildAir: () => Air,
  bytes: Uint8Array,
  layout: ProofLayout,
): Refusal | null {
  const { kind, logTraceLength } = layout.shape;
  if (kind !== instance.shape.kind || logTraceLength !== instance.shape.logTraceLength) {
    return refuse("CONTEXT_MISMATCH", `proof is of ${kind} with 2^${logTraceLength} rows`);
  }
  const mark = kernels.mark();
  try {
    return verifyInArena({ kernels, instance, layout, proof: kernels.putBytes(bytes) }, buildAir);
  } finally {
    kernels.release(mark);
  }
}

function verifyInArena(session: Session, buildAir: () => Air): Refusal | null {
  const { kernels, instance, layout, proof } = session;
  const frame = loadFrame(session);
  if ("code" in frame) return frame;
  const challenges = replayTranscript(kernels, instance, layout, proof);
  if ("code" in challenges) return challenges;
  const opened = planOpenings(kernels, layout, proof, challenges.positions);
  if ("code" in opened) return opened;
  for (const rows of opened) if (!areCommitted(kernels, rows)) return refuse("OPENING_INVALID", rows.what);
  return verifyAlgebra(session, buildAir(), frame, challenges, opened);
}

function loadFrame(session: Session): Frame | Refusal {
  const { kernels, layout, proof } = session;
  const { width, compositionColumns } = layout.shape;
  const degree = layout.options.extensionDegree;
  const trace = kernels.alloc(width * 32);
  const parts = kernels.alloc(compositionColumns * 16);
  const isCanonical =
    kernels.call.loadElements(trace, proof + layout.oodTraceAt, 2 * width, degree) &
    kernels.call.loadElements(parts, proof + layout.oodPartsAt, compositionColumns, degree);
  return isCanonical === 1 ? { trace, parts } : refuse("NON_CANONICAL_ELEMENT", "out-of-domain frame");
}

/** Sections 3.4, 3.6 and 3.7 over committed rows: constraints at z, DEEP values, their low degree. */
function verifyAlgebra(
  session: Session,
  air: Air,
  frame: Frame,
  challenges: Challenges,
  opened: readonly OpenedRows[],
): Refusal | null {
  const { kernels, layout, proof } = session;
  const degree = layout.options.extensionDegree;
  const z = drawFrom(kernels, challenges.z, 1, degree);
  if (isInsideDomain(kernels, z, air.shape.logTraceLength)) return refuse("DEGENERATE_POINT", "z lies in the domain");
  const weights = air.program.constraints + air.assertions.length;
  const coefficients = drawFrom(kernels, challenges.coefficients, weights, degree);
  const inconsistent = checkOutOfDomain(kernels, air, { z, ...frame }, coefficients);
  if (inconsistent !== null) return inconsistent;

  const { width, compositionColumns } = air.shape;
  const deep = drawFrom(kernels, challenges.deep, width + compositionColumns, degree);
  const values = deepValues(session, deepFrame(kernels, air, { z, ...frame, deep }), deep, opened);
  if (typeof values !== "number") return values;
  const alphas = challenges.alphas.map((seed) => drawFrom(kernels, seed, 1, degree));
  return verifyFri(kernels, layout, proof, opened.slice(2), alphas, challenges.positions, values);
}

/** DEEP values at the queried positions, 16-byte elements (section 3.6). */
function deepValues(
  { kernels, layout }: Session,
  frame: Pointer,
  deep: Pointer,
  opened: readonly OpenedRows[],
): Pointer | Refusal {
  const { width, compositionColumns, logTraceLength } = layout.shape;
  const [trace, parts] = opened as [OpenedRows, OpenedRows];
  const count = trace.positions.length;
  const values = kernels.alloc(16 * count);
  const code = kernels.call.deepRows(
    values,
    trace.rowsAt,
    width,
    parts.rowsAt,
    compositionColumns,
    layout.options.extensionDegree,
    count,
    kernels.putWords(trace.positions),
    logTraceLength + LOG_BLOWUP,
    deep,
    frame,
    kernels.alloc(64 * count + 16 * compositionColumns),
  );
  if (code === 2) return refuse("DEGENERATE_POINT", "a query meets the out-of-domain point");
  return code === 1 ? values : refuse("NON_CANONICAL_ELEMENT", "queried row");
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
