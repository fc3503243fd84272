/**
 * Prover of proof version 2 (section 9). Deterministic: the same trace and options give the same bytes, equal to the
 * original prover's. Not zero-knowledge (finding F3). Memory is dominated by the extended trace: width * n * 16 * 8 bytes
 * (0.5 MB compliance, 33 MB for a batch of 8).
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Air, transcriptSeed } from "./air.js";
import { compose } from "./composition.js";
import { EvaluationDomain } from "./evaluation-domain.js";
import { commitFri } from "./fri-prover.js";
import { buildTree, digestTreeRoot } from "./merkle-opening.js";
import { LOG_BLOWUP, type ProofOptions } from "./options.js";
import { assembleProof, type MatrixCommitment, type OutOfDomain } from "./proof-assembly.js";
import type { TraceMatrix } from "./trace-matrix.js";
import { Transcript } from "./transcript.js";
import { deepFrame } from "./verifier.js";

/**
 * The proof of this trace. A trace that does not satisfy the AIR gives bytes that do not verify, so callers verify what
 * they get. Throws KernelMemoryError if the trace does not fit.
 */
export function proveTrace(kernels: Kernels, air: Air, trace: TraceMatrix, options: ProofOptions): Uint8Array {
  const mark = kernels.mark();
  try {
    return proveInArena(kernels, air, trace, options);
  } finally {
    kernels.release(mark);
  }
}

function proveInArena(kernels: Kernels, air: Air, trace: TraceMatrix, options: ProofOptions): Uint8Array {
  const { width, compositionColumns, logTraceLength } = air.shape;
  const degree = options.extensionDegree;
  const transcript = new Transcript(kernels, transcriptSeed(air, options), degree);
  const domain = new EvaluationDomain(kernels, logTraceLength);

  const traceCoefficients = domain.interpolate(kernels.putElements(trace.cells), width);
  const traceCommitment = commit(kernels, domain, traceCoefficients, width);
  transcript.reseed(digestTreeRoot(traceCommitment.tree));
  const weights = transcript.draw(air.program.constraints + air.assertions.length);

  const limbs = compose(kernels, air, domain, traceCommitment.rows, weights, degree);
  const partCoefficients = interleaveParts(kernels, air, limbs);
  const partCommitment = commit(kernels, domain, partCoefficients, compositionColumns * degree);
  transcript.reseed(digestTreeRoot(partCommitment.tree));

  const z = transcript.draw(1);
  const values = evaluateAt(kernels, air, traceCoefficients, limbs, z);
  const ood = wireValues(kernels, air, values, degree);
  transcript.reseedWithHash(ood.trace, ood.traceBytes);
  transcript.reseedWithHash(ood.parts, ood.partsBytes);

  const deep = transcript.draw(width + compositionColumns);
  const frame = deepFrame(kernels, air, { z, ...values, deep });
  const deepValues = evaluateDeep(kernels, air, domain, traceCommitment, partCommitment, deep, frame, degree);
  const fri = commitFri(kernels, transcript, options, logTraceLength, deepValues);

  const nonce = transcript.grind(options.grindingBits);
  transcript.absorbNonce(nonce, options.grindingBits);
  const positions = transcript.drawPositions(options.queries, logTraceLength + LOG_BLOWUP);
  return assembleProof(kernels, air, options, { traceCommitment, partCommitment, ood, fri, nonce, positions });
}

function commit(kernels: Kernels, domain: EvaluationDomain, coefficients: Pointer, width: number): MatrixCommitment {
  const rows = domain.extend(coefficients, width);
  const leaves = kernels.alloc(domain.size * 32);
  kernels.call.hashRows(leaves, rows, width * 8, domain.size);
  const tree = buildTree(kernels, leaves, domain.logLength + LOG_BLOWUP);
  return { rows, rowBytes: width * 8, tree };
}

/** Columns H_0.a, H_0.b, H_1.a, ...: the order in which a row of the constraint commitment holds its limbs. */
function interleaveParts(kernels: Kernels, air: Air, limbs: readonly Pointer[]): Pointer {
  const { compositionColumns, logTraceLength } = air.shape;
  const bytes = 2 ** logTraceLength * 8;
  const out = kernels.alloc(compositionColumns * limbs.length * bytes);
  for (let part = 0; part < compositionColumns; part++) {
    for (const [limb, column] of limbs.entries()) {
      const target = out + (part * limbs.length + limb) * bytes;
      kernels.bytes(target, bytes).set(kernels.bytes(column + part * bytes, bytes));
    }
  }
  return out;
}

/** T(z) and T(zg) interleaved, and H_i(z), as 16-byte elements. */
function evaluateAt(
  kernels: Kernels,
  air: Air,
  traceCoefficients: Pointer,
  limbs: readonly Pointer[],
  z: Pointer,
): { trace: Pointer; parts: Pointer } {
  const { call } = kernels;
  const { width, compositionColumns, logTraceLength } = air.shape;
  const length = 2 ** logTraceLength;
  const root = call.rootOfUnity(logTraceLength);
  const [a, b] = kernels.elements(z, 2);
  const zNext = kernels.putElements([call.fieldMul(a!, root), call.fieldMul(b!, root)]);
  const trace = kernels.alloc(width * 32);
  call.evaluateColumns(trace, 32, traceCoefficients, width, length, z);
  call.evaluateColumns(trace + 16, 32, traceCoefficients, width, length, zNext);

  const count = compositionColumns * length;
  const elements = kernels.alloc(count * 16);
  const cells = kernels.elements(elements, count * 2).fill(0n);
  for (const [limb, column] of limbs.entries()) {
    const coefficients = kernels.elements(column, count);
    for (let i = 0; i < count; i++) cells[2 * i + limb] = coefficients[i]!;
  }
  const parts = kernels.alloc(compositionColumns * 16);
  for (let part = 0; part < compositionColumns; part++) {
    call.evaluateExt(parts + 16 * part, elements + part * length * 16, length, z);
  }
  return { trace, parts };
}

function wireValues(
  kernels: Kernels,
  air: Air,
  values: { trace: Pointer; parts: Pointer },
  degree: 1 | 2,
): OutOfDomain {
  const { width, compositionColumns } = air.shape;
  const traceBytes = 2 * width * 8 * degree;
  const partsBytes = compositionColumns * 8 * degree;
  const trace = kernels.alloc(traceBytes);
  const parts = kernels.alloc(partsBytes);
  kernels.call.storeElements(trace, values.trace, 2 * width, degree);
  kernels.call.storeElements(parts, values.parts, compositionColumns, degree);
  return { trace, traceBytes, parts, partsBytes };
}

/** DEEP values on the whole extension domain: the verifier's formula over all rows. */
function evaluateDeep(
  kernels: Kernels,
  air: Air,
  domain: EvaluationDomain,
  trace: MatrixCommitment,
  parts: MatrixCommitment,
  deep: Pointer,
  frame: Pointer,
  degree: 1 | 2,
): Pointer {
  const { width, compositionColumns, logTraceLength } = air.shape;
  const out = kernels.alloc(domain.size * 16);
  const mark = kernels.mark();
  kernels.call.deepRows(
    out,
    trace.rows,
    width,
    parts.rows,
    compositionColumns,
    degree,
    domain.size,
    0,
    logTraceLength + LOG_BLOWUP,
    deep,
    frame,
    kernels.alloc(64 * domain.size + 16 * compositionColumns),
  );
  kernels.release(mark);
  return out;
}
