import { describe, expect, it } from "vitest";
import type { ComplianceStatement } from "../../../src/stark/statement.js";
import { type Air, transcriptSeed } from "../../../src/stark/v2/air.js";
import { complianceAir } from "../../../src/stark/v2/compliance-air.js";
import { complianceTrace } from "../../../src/stark/v2/compliance-trace.js";
import { PROOF_PROFILES } from "../../../src/stark/v2/options.js";
import type { TraceMatrix } from "../../../src/stark/v2/trace-matrix.js";
import { Transcript } from "../../../src/stark/v2/transcript.js";
import { airOf } from "../../../src/stark/verify.js";
import { fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";
import { mod, runProgram } from "./model.js";
import { layoutOf } from "./proof-surgery.js";

const kernels = newKernels();
const statement = fixtureStatement("c_default") as ComplianceStatement;
const air = complianceAir(statement);

function honestTrace(): TraceMatrix {
  return complianceTrace(kernels, 5000n, 9999n, statement.inputElements);
}

/** Constraints that do not vanish on `row`. */
function broken(of: Air, trace: TraceMatrix, row: number): number[] {
  const values = runProgram(of.program, {
    current: (column) => trace.get(row, column),
    next: (column) => trace.get(row + 1, column),
    periodic: (index) => of.periodic.values[row * of.periodic.width + index]!,
    parameters: of.parameters,
  });
  return values.flatMap((value, i) => (value === 0n ? [] : [i]));
}

function rows(trace: TraceMatrix): number[] {
  return Array.from({ length: trace.rows - 1 }, (_, i) => i);
}

describe("compliance AIR (section 5)", () => {
  it("has the published dimensions", () => {
    expect([air.program.constraints, air.assertions.length]).toEqual([157, 80]);
    const batch = airOf(kernels, fixtureStatement("b8"));
    expect([batch.program.constraints, batch.assertions.length]).toEqual([636, 145 + 26]);
  });

  it("vanishes on an honest trace", () => {
    const trace = honestTrace();
    expect(rows(trace).flatMap((row) => broken(air, trace, row))).toEqual([]);
    for (const { step, column, value } of air.assertions) expect(trace.get(step, column)).toBe(value);
  });

  it.each([
    ["counter", 3, 38, [0]],
    ["amount bit", 0, 45, [6, 65]],
    ["difference bit", 0, 137, [67, 131]],
    ["borrow", 0, 114, [134, 136]],
    ["limit", 0, 20, [135]],
    ["amount limb", 0, 12, [65, 135, 149]],
  ] as const)("a wrong %s breaks exactly its constraints", (_what, row, column, expected) => {
    const trace = honestTrace();
    trace.set(row, column, mod(trace.get(row, column) + 2n));
    expect(broken(air, trace, row)).toEqual(expected);
  });

  it("a wrong state breaks its half-rounds", () => {
    const trace = honestTrace();
    trace.set(4, 3, mod(trace.get(4, 3) + 1n));
    expect(broken(air, trace, 3)).toEqual([140]);
    expect(broken(air, trace, 4)).toHaveLength(12);
  });
});

describe("transcript (section 3.8)", () => {
  it("has the published intermediate values", () => {
    const hexOf = (pointer: number): string => Buffer.from(kernels.bytes(pointer, 32)).toString("hex");
    const transcript = new Transcript(kernels, transcriptSeed(air, PROOF_PROFILES.default), 1);
    expect(hexOf(transcript.seed)).toBe("e010cbfb5348fc2982e91075fd9c05fb131e348e181ce32acea04c27bd4ca248");
    const proof = fixtureProof("c_default");
    const layout = layoutOf(proof);
    const bytes = kernels.putBytes(proof);
    transcript.reseed(bytes + layout.commitmentsAt);
    expect(hexOf(transcript.seed)).toBe("d328f9d3d17c5f0704d4f07fbc0bb623a251c9441a1aef06a64978b4c1a7d3ea");
    const weights = transcript.draw(157 + 80);
    expect(kernels.elements(weights, 1)[0]).toBe(824616030482386209n);
    expect(kernels.elements(weights + 16, 1)[0]).toBe(4293921719842688088n);
    transcript.reseed(bytes + layout.commitmentsAt + 32);
    expect(kernels.elements(transcript.draw(1), 1)[0]).toBe(18326687809082263791n);
    expect(layout.nonce).toBe(173n);
    expect(layout.traceOpening.slotCount).toEqual([5, 3, 3, 4, 4, 3, 4, 2, 1, 3, 5, 3, 3, 3, 3, 2, 2]);
    expect(layoutOf(fixtureProof("c_secure")).nonce).toBe(1543090n);
  });
});
