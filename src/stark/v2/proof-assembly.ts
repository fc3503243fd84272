/** From commitments and query positions to the bytes of a proof (section 2). */
import type { Kernels, Pointer } from "../kernels.js";
import type { Air } from "./air.js";
import type { FriCommitments } from "./fri-prover.js";
import { type DigestTree, digestTreeRoot, openTree } from "./merkle-opening.js";
import { optionBytes, type ProofOptions } from "./options.js";
import { ProofWriter } from "./proof-writer.js";

/** A committed matrix over the extension domain. */
export interface MatrixCommitment {
  readonly rows: Pointer;
  readonly rowBytes: number;
  readonly tree: DigestTree;
}

/** Claimed values at the out-of-domain point, in wire form. */
export interface OutOfDomain {
  readonly trace: Pointer;
  readonly traceBytes: number;
  readonly parts: Pointer;
  readonly partsBytes: number;
}

export interface ProofParts {
  readonly traceCommitment: MatrixCommitment;
  readonly partCommitment: MatrixCommitment;
  readonly ood: OutOfDomain;
  readonly fri: FriCommitments;
  readonly nonce: bigint;
  readonly positions: readonly number[];
}

/** Section 2, in field order. */
export function assembleProof(kernels: Kernels, air: Air, options: ProofOptions, parts: ProofParts): Uint8Array {
  const { traceCommitment, partCommitment, ood, fri, positions } = parts;
  const writer = new ProofWriter();
  const digest = (pointer: Pointer): Uint8Array => kernels.bytes(pointer, 32);
  writer.context(air.shape.width, air.shape.logTraceLength);
  writer.u8(...optionBytes(options));
  writer.u8(positions.length);
  writer.uint(32 * (3 + fri.layers.length), 2);
  for (const { tree } of [traceCommitment, partCommitment, ...fri.layers]) writer.bytes(digest(digestTreeRoot(tree)));
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
  commitment: MatrixCommitment,
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

function openingBytes(kernels: Kernels, tree: DigestTree, positions: readonly number[]): Uint8Array {
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
