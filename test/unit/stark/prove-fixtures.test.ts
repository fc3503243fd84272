import { describe, expect, it } from "vitest";
import { proveCompliance } from "../../../src/stark/prove.js";
import type { ComplianceStatement } from "../../../src/stark/statement.js";
import { fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";

const kernels = newKernels();

describe("our prover gives the original's bytes", () => {
  it.each([
    ["c_default", 5000n, "default"],
    ["c_fast", 9999n, "fast"],
    ["c_secure", 10000n, "secure"],
  ] as const)("%s", (name, amount, profile) => {
    const { witnessCommitment, ...claim } = fixtureStatement(name) as ComplianceStatement;
    const made = proveCompliance(kernels, amount, claim, profile);
    expect(made.statement.witnessCommitment).toEqual(witnessCommitment);
    expect(Buffer.from(made.proof).equals(Buffer.from(fixtureProof(name)))).toBe(true);
  });
});
