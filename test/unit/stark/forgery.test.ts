import { describe, expect, it } from "vitest";
import { FIELD_MODULUS, fieldInverse, fieldMul, fieldPow, fieldSub, rootOfUnity } from "../../../src/stark/field.js";
import type { Kernels, Pointer } from "../../../src/stark/kernels.js";
import type { ComplianceStatement } from "../../../src/stark/statement.js";
import { transcriptSeed } from "../../../src/stark/v2/air.js";
import { complianceAir } from "../../../src/stark/v2/compliance-air.js";
import { buildTree, digestTreeRoot } from "../../../src/stark/v2/merkle-opening.js";
import { composeAt } from "../../../src/stark/v2/ood-check.js";
import { PROOF_PROFILES } from "../../../src/stark/v2/options.js";
import { assembleProof, type MatrixCommitment } from "../../../src/stark/v2/proof-assembly.js";
import { Transcript } from "../../../src/stark/v2/transcript.js";
import { deepFrame } from "../../../src/stark/v2/verifier.js";
import { verify } from "../../../src/stark/verify.js";
import { ACCEPT_ALL, fixtureStatement, newKernels } from "./fixtures.js";

const options = PROOF_PROFILES.default;
const REMAINDER_LENGTH = 16;
const DOMAIN = 256;

/** A limit of 0, a commitment nobody can open, and the trace of all zeros: false in every respect. */
function falseStatement(): ComplianceStatement {
  const honest = fixtureStatement("c_default") as ComplianceStatement;
  return { ...honest, effectiveLimit: 0n, witnessCommitment: [1n, 2n, 3n, 4n] };
}

function zeroCommitment(kernels: Kernels, rowBytes: number): MatrixCommitment {
  const rows = kernels.alloc(DOMAIN * rowBytes);
  kernels.bytes(rows, DOMAIN * rowBytes).fill(0);
  const leaves = kernels.alloc(DOMAIN * 32);
  kernels.call.hashRows(leaves, rows, rowBytes, DOMAIN);
  return { rows, rowBytes, tree: buildTree(kernels, leaves, 8) };
}

/** Coefficients of the polynomial through the given points, ascending. */
function interpolate(points: ReadonlyArray<readonly [x: bigint, y: bigint]>, length: number): bigint[] {
  const sum = new Array<bigint>(length).fill(0n);
  for (const [i, [x, y]] of points.entries()) {
    let basis: bigint[] = [y];
    for (const [j, [other]] of points.entries()) {
      if (i === j) continue;
      const scale = fieldInverse(fieldSub(x, other));
      const next = new Array<bigint>(basis.length + 1).fill(0n);
      for (const [k, c] of basis.entries()) {
        const scaled = fieldMul(c, scale);
        next[k + 1] = (next[k + 1]! + scaled) % FIELD_MODULUS;
        next[k] = fieldSub(next[k]!, fieldMul(scaled, other));
      }
      basis = next;
    }
    for (const [k, c] of basis.entries()) sum[k] = (sum[k]! + c) % FIELD_MODULUS;
  }
  return sum;
}

/** Smallest nonce that meets the proof of work and leaves at most 16 distinct positions. */
function luckyNonce(kernels: Kernels, transcript: Transcript): { nonce: bigint; positions: number[] } {
  const seed = kernels.bytes(transcript.seed, 32).slice();
  for (let nonce = 1n; ; nonce++) {
    const mark = kernels.mark();
    kernels.bytes(transcript.seed, 32).set(seed);
    const isWorked = transcript.absorbNonce(nonce, options.grindingBits);
    const positions = isWorked ? transcript.drawPositions(options.queries, 8) : [];
    kernels.release(mark);
    if (isWorked && positions.length <= REMAINDER_LENGTH) return { nonce, positions };
  }
}

/**
 * The attack of finding F1. Nothing is low-degree here: the out-of-domain values are chosen to satisfy the one equation
 * over them, and the remainder is chosen after the queries are known, through exactly the queried points.
 */
function forge(kernels: Kernels, statement: ComplianceStatement): Uint8Array {
  const air = complianceAir(statement);
  const transcript = new Transcript(kernels, transcriptSeed(air, options), 1);
  const traceCommitment = zeroCommitment(kernels, 248 * 8);
  const partCommitment = zeroCommitment(kernels, 8 * 8);
  transcript.reseed(digestTreeRoot(traceCommitment.tree));
  const weights = transcript.draw(157 + 80);
  transcript.reseed(digestTreeRoot(partCommitment.tree));
  const z = transcript.draw(1);
  const trace = kernels.alloc(248 * 32);
  kernels.bytes(trace, 248 * 32).fill(0);
  const composition = composeAt(kernels, air, { z, trace }, weights) as Pointer;
  const parts = kernels.alloc(8 * 16);
  kernels.elements(parts, 16).fill(0n);
  kernels.elements(parts, 1)[0] = kernels.elements(composition, 1)[0]!;

  const ood = { trace: kernels.alloc(496 * 8), traceBytes: 496 * 8, parts: kernels.alloc(64), partsBytes: 64 };
  kernels.call.storeElements(ood.trace, trace, 496, 1);
  kernels.call.storeElements(ood.parts, parts, 8, 1);
  transcript.reseedWithHash(ood.trace, ood.traceBytes);
  transcript.reseedWithHash(ood.parts, ood.partsBytes);
  const deep = transcript.draw(256);
  const frame = deepFrame(kernels, air, { z, trace, parts, deep });
  const remainderCommitment = kernels.putBytes(new Uint8Array(32).fill(7));
  transcript.reseed(remainderCommitment);
  const { nonce, positions } = luckyNonce(kernels, transcript);

  const values = kernels.alloc(DOMAIN * 16);
  kernels.call.deepRows(
    values,
    traceCommitment.rows,
    248,
    partCommitment.rows,
    8,
    1,
    DOMAIN,
    0,
    8,
    deep,
    frame,
    kernels.alloc(65 * DOMAIN),
  );
  const root = rootOfUnity(8);
  const points = positions.map((position): [bigint, bigint] => [
    fieldMul(7n, fieldPow(root, BigInt(position))),
    kernels.elements(values + 16 * position, 1)[0]!,
  ]);
  const remainder = kernels.putElements(interpolate(points, REMAINDER_LENGTH));
  const fri = { layers: [], remainder, remainderBytes: 8 * REMAINDER_LENGTH, remainderCommitment };
  return assembleProof(kernels, air, options, { traceCommitment, partCommitment, ood, fri, nonce, positions });
}

describe("finding F1: a false statement that the original verifier accepts", () => {
  it("passes every other check and is refused for its remainder commitment alone", () => {
    const statement = falseStatement();
    const proof = forge(newKernels(), statement);
    // The commitment is compared last, so this code means that nothing else was wrong with the proof.
    expect(verify(newKernels(), proof, statement, ACCEPT_ALL)).toMatchObject({
      valid: false,
      code: "REMAINDER_COMMITMENT_MISMATCH",
    });
  });
});
