import { describe, expect, it } from "vitest";
import type { ComplianceStatement } from "../../../src/stark/statement.js";
import { transcriptSeed } from "../../../src/stark/v2/air.js";
import { COMPLIANCE_COLUMNS, complianceAir } from "../../../src/stark/v2/compliance-air.js";
import { LOG_BLOWUP } from "../../../src/stark/v2/options.js";
import { Transcript } from "../../../src/stark/v2/transcript.js";
import { commitAmount } from "../../../src/stark/witness-commitment.js";
import { fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";
import { inverse, mod, power, rootOfOrder } from "./model.js";
import { layoutOf } from "./proof-surgery.js";

const kernels = newKernels();
const LENGTH = 16;

/** The query positions of a proof, as anyone can replay them. */
function positionsOf(proof: Uint8Array, statement: ComplianceStatement): number[] {
  const layout = layoutOf(proof);
  const air = complianceAir(statement);
  const bytes = kernels.putBytes(proof);
  const limbs = 8 * layout.options.extensionDegree;
  const transcript = new Transcript(kernels, transcriptSeed(air, layout.options), layout.options.extensionDegree);
  transcript.reseed(bytes + layout.commitmentsAt);
  transcript.reseed(bytes + layout.commitmentsAt + 32);
  transcript.reseedWithHash(bytes + layout.oodTraceAt, 2 * 248 * limbs);
  transcript.reseedWithHash(bytes + layout.oodPartsAt, 8 * limbs);
  transcript.reseed(bytes + layout.commitmentsAt + 64);
  transcript.absorbNonce(layout.nonce, layout.options.grindingBits);
  return transcript.drawPositions(layout.options.queries, air.shape.logTraceLength + LOG_BLOWUP);
}

/** Value at 1 (row 0) of a column of degree 15 through 16 opened points. */
function firstCell(proof: Uint8Array, positions: readonly number[], column: number): bigint {
  const view = new DataView(proof.buffer, proof.byteOffset);
  const { traceRowsAt } = layoutOf(proof);
  const points = positions.slice(0, LENGTH).map((position, row) => ({
    x: mod(7n * power(rootOfOrder(8), BigInt(position))),
    y: view.getBigUint64(traceRowsAt + (row * 248 + column) * 8, true),
  }));
  return mod(
    points.reduce((sum, { x, y }, i) => {
      const others = points.filter((_, j) => j !== i);
      const weight = others.reduce((w, other) => mod(w * (1n - other.x) * inverse(mod(x - other.x))), 1n);
      return sum + y * mod(weight);
    }, 0n),
  );
}

describe("finding F3: a proof discloses its amount", () => {
  it.each([
    ["c_default", 5000n],
    ["c_secure", 10_000n],
  ])("%s gives away %s", (name, amount) => {
    const proof = fixtureProof(name);
    const positions = positionsOf(proof, fixtureStatement(name) as ComplianceStatement);
    const low = firstCell(proof, positions, COMPLIANCE_COLUMNS.amount);
    const high = firstCell(proof, positions, COMPLIANCE_COLUMNS.amount + 1);
    expect((high << 32n) | low).toBe(amount);
  });

  it("so does the commitment alone, by trying amounts", () => {
    const { witnessCommitment } = fixtureStatement("c_default") as ComplianceStatement;
    let amount = 4_900n;
    while (commitAmount(kernels, amount)[0] !== witnessCommitment[0]) amount++;
    expect(amount).toBe(5000n);
  });
});
