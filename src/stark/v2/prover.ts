/**
 * Prover of proof version 2 (section 9). Deterministic: the same trace and options give the same bytes, equal to the
 * original prover's. Not zero-knowledge (finding F3). Memory is dominated by the extended trace: width * n * 16 * 8 bytes
 * (0.5 MB compliance, 33 MB for a batch of 8).
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Air, transcriptSeed } from "./air.js";
import { compose } from "./composition.js";
import { EvaluationDomain } from "./evaluation-domain.js";
import { commitFri, type FriCommitments } from "./fri-prover.js";
import { buildTree, type MerkleTree, openTree, treeRoot } from "./merkle-opening.js";
import { LOG_BLOWUP, optionBytes, type ProofOptions } from "./options.js";
import { ProofWriter } from "./proof-writer.js";
import type { TraceMatrix } from "./trace-matrix.js";
import { Transcript } from "./transcript.js";
import { deepFrame } from "./verifier.js";

/** A committed matrix over the extension domain. */
interface Commitment {
  readonly coefficients: Pointer;
  readonly rows: Pointer;
  readonly rowBytes: number;
  readonly tree: MerkleTree;
}

/** Claimed values at the out-of-domain point, in wire form. */
interface OutOfDomain {
  readonly trace: Pointer;
  readonly traceBytes: number;
  readonly parts: Pointer;
  readonly partsBytes: number;
}

/** Throws UnsatisfiedConstraintsError if the trace does not satisfy the AIR, KernelMemoryError if it does not fit. */
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
  transcript.reseed(treeRoot(traceCommitment.tree));
  const weights = transcript.draw(air.program.constraints + air.assertions.length);

  const limbs = compose(kernels, air, domain, traceCommitment.rows, weights, degree);
  const partCoefficients = interleaveParts(kernels, air, limbs);
  const partCommitment = commit(kernels, domain, partCoefficients, compositionColumns * degree);
  transcript.reseed(treeRoot(partCommitment.tree));

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
  return serialise(kernels, air, options, { traceCommitment, partCommitment, ood, fri, nonce, positions });
}

function commit(kernels: Kernels, domain: EvaluationDomain, coefficients: Pointer, width: number): Commitment {
  const rows = domain.extend(coefficients, width);
  const leaves = kernels.alloc(domain.size * 32);
  kernels.call.hashRows(leaves, rows, width * 8, domain.size);
  const tree = buildTree(kernels, leaves, domain.logLength + LOG_BLOWUP);
  return { coefficients, rows, rowBytes: width * 8, tree };
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
  trace: Commitment,
  parts: Commitment,
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

interface ProofParts {
  readonly traceCommitment: Commitment;
  readonly partCommitment: Commitment;
  readonly ood: OutOfDomain;
  readonly fri: FriCommitments;
  readonly nonce: bigint;
  readonly positions: readonly number[];
}

/** Section 2, in field order. */
function serialise(kernels: Kernels, air: Air, options: ProofOptions, parts: ProofParts): Uint8Array {
  const { traceCommitment, partCommitment, ood, fri, positions } = parts;
  const writer = new ProofWriter();
  const digest = (pointer: Pointer): Uint8Array => kernels.bytes(pointer, 32);
  writer.context(air.shape.width, air.shape.logTraceLength);
  writer.u8(...optionBytes(options));
  writer.u8(positions.length);
  writer.uint(32 * (3 + fri.layers.length), 2);
  for (const { tree } of [traceCommitment, partCommitment, ...fri.layers]) writer.bytes(digest(treeRoot(tree)));
  writer.bytes(digest(fri.remainderCommitment));
  for (const commitment of [traceCommitment, partCommitment]) writeQueries(kernels, writer, commitment, positions);
  writer.uint(1 + ood.traceBytes, 2);
  writer.u8(2);
  writer.bytes(kernels.bytes(ood.trace, ood.traceBytes));
  writer.u8(1, 0, 0);
  writer.uint(ood.partsBytes, 2);
  writer.bytes(kernels.bytes(ood.parts, ood.partsBytes));
  writeFri(kernels, writer, fri, options, positions);
  writer.u64(parts.nonce);
  writer.u8(0);
  return writer.finish();
}

function writeQueries(
  kernels: Kernels,
  writer: ProofWriter,
  commitment: Commitment,
  positions: readonly number[],
): void {
  writer.varint(positions.length * commitment.rowBytes);
  for (const position of positions) {
    writer.bytes(kernels.bytes(commitment.rows + position * commitment.rowBytes, commitment.rowBytes));
  }
  const opening = openingBytes(kernels, commitment.tree, positions);
  writer.varint(opening.length);
  writer.bytes(opening);
}

function openingBytes(kernels: Kernels, tree: MerkleTree, positions: readonly number[]): Uint8Array {
  const writer = new ProofWriter();
  const slots = openTree(tree, positions).map((slot) => slot.map((pointer) => kernels.bytes(pointer, 32)));
  writer.opening(tree.depth, slots);
  return writer.finish();
}

function writeFri(
  kernels: Kernels,
  writer: ProofWriter,
  fri: FriCommitments,
  options: ProofOptions,
  queried: readonly number[],
): void {
  const rowBytes = options.folding * 8 * options.extensionDegree;
  let positions = queried;
  writer.u8(fri.layers.length);
  for (const { wire, rows, tree } of fri.layers) {
    positions = [...new Set(positions.map((position) => position % rows))];
    writer.uint(positions.length * rowBytes, 4);
    for (const position of positions) writer.bytes(kernels.bytes(wire + position * rowBytes, rowBytes));
    const opening = openingBytes(kernels, tree, positions);
    writer.uint(opening.length, 4);
    writer.bytes(opening);
  }
  writer.uint(fri.remainderBytes, 2);
  writer.bytes(kernels.bytes(fri.remainder, fri.remainderBytes));
  writer.u8(0);
}
