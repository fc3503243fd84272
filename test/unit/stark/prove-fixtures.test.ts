import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex } from "../../../src/base/bytes.js";
import { bytesToLimbs, FIELD_MODULUS } from "../../../src/stark/field.js";
import { parsePolicy, policyHashHex } from "../../../src/stark/policy.js";
import { proveBatch, proveCompliance, WitnessRefusedError } from "../../../src/stark/prove.js";
import type { ComplianceStatement } from "../../../src/stark/statement.js";
import { batchElements, batchInputs } from "../../../src/stark/v2/batch-statement.js";
import { type BatchHeader, batchWitness } from "../../../src/stark/v2/batch-witness.js";
import { verify } from "../../../src/stark/verify.js";
import { TEST_SEED } from "../../support/seed.js";
import { batchEventsOf, batchStatement, fixtureProof, fixtureStatement, fixtureText, newKernels } from "./fixtures.js";

const kernels = newKernels();

function claimOf(name: string): Omit<ComplianceStatement, "witnessCommitment"> {
  const { witnessCommitment: _, ...claim } = fixtureStatement(name) as ComplianceStatement;
  return claim;
}

describe("our prover gives the original's bytes", () => {
  it.each([
    ["c_default", 5000n, "default"],
    ["c_fast", 9999n, "fast"],
    ["c_secure", 10000n, "secure"],
  ] as const)("%s", (name, amount, profile) => {
    const made = proveCompliance(kernels, amount, claimOf(name), profile);
    expect(made.statement).toEqual(fixtureStatement(name));
    expect(Buffer.from(made.proof).equals(Buffer.from(fixtureProof(name)))).toBe(true);
  });

  it.each([
    ["b1", "default"],
    ["b8", "default"],
    ["b8s", "secure"],
  ] as const)("%s", (name, profile) => {
    const header = batchInputs(fixtureStatement(name) as ReturnType<typeof batchStatement>);
    const witness = batchWitness(kernels, header, batchEventsOf(kernels, header.events));
    expect(batchElements(witness.inputs)).toEqual(fixtureText(name, "pi").split(",").map(BigInt));
    const proof = proveBatch(kernels, witness, profile);
    expect(Buffer.from(proof).equals(Buffer.from(fixtureProof(name)))).toBe(true);
  });
});

/** Fixtures known by digest only (section 11.1): proofs of the original that are not in this repository. */
describe("our prover gives proofs the original published by their SHA-256", () => {
  const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

  it("a cap of 2^64-1, above the field's modulus, and an amount of 2^64-6", () => {
    const limit = 2n ** 64n - 1n;
    const policyHash = bytesToLimbs(fromHex(policyHashHex("order_total.cap", { cap: limit }), 32)!);
    const claim = claimOf("c_default");
    const inputElements = [...claim.inputElements.slice(0, 39), ...policyHash];
    const made = proveCompliance(kernels, limit - 5n, { ...claim, effectiveLimit: limit, inputElements }, "default");
    expect(sha256(made.proof)).toBe("2c8e063174ecef249b8e0063623c771a896cf8d990f802a1bccb2c68428511c9");
    const accept = { profiles: ["default"] } as const;
    expect(verify(kernels, made.proof, made.statement, accept)).toMatchObject({ valid: true });
    const reduced = { ...made.statement, effectiveLimit: limit % FIELD_MODULUS };
    expect(verify(kernels, made.proof, reduced, accept).valid).toBe(false);
  });

  it("a batch of 3", () => {
    const header = batchInputs(fixtureStatement("b1") as ReturnType<typeof batchStatement>);
    const proof = proveBatch(kernels, batchWitness(kernels, header, batchEventsOf(kernels, 3)), "default");
    expect(sha256(proof).slice(0, 7)).toBe("8aa772f");
  });
});

describe("what we prove, we verify", () => {
  const claim = claimOf("c_secure");
  const limits: [amount: bigint, limit: bigint][] = [
    [0n, 0n],
    [0n, 2n ** 64n - 1n],
    [2n ** 64n - 6n, 2n ** 64n - 1n],
    [2n ** 32n - 1n, 2n ** 32n],
    [2n ** 32n + 5n, 2n ** 33n + 4n],
    [7n, 2n ** 32n + 3n],
    [FIELD_MODULUS, FIELD_MODULUS],
  ];
  it.each(limits)("%s of %s", (amount, effectiveLimit) => {
    const made = proveCompliance(kernels, amount, { ...claim, effectiveLimit }, "default");
    const accept = { profiles: ["default"] } as const;
    expect(verify(kernels, made.proof, made.statement, accept)).toMatchObject({ valid: true });
    const other = { ...made.statement, effectiveLimit: effectiveLimit ^ 1n };
    expect(verify(kernels, made.proof, other, accept).valid).toBe(false);
  });

  it("any amount up to any limit, and none above it", () => {
    const accept = { profiles: ["default"] } as const;
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(u64, u64, (a, b) => {
        const [amount, effectiveLimit] = a < b ? [a, b] : [b, a];
        const made = proveCompliance(kernels, amount, { ...claim, effectiveLimit }, "default");
        expect(verify(kernels, made.proof, made.statement, accept).valid).toBe(true);
        if (a === b) return;
        const swapped = { ...claim, effectiveLimit: amount };
        expect(() => proveCompliance(kernels, effectiveLimit, swapped, "default")).toThrow(WitnessRefusedError);
      }),
      { seed: TEST_SEED, numRuns: 40 },
    );
  });

  it("refuses a witness that violates the policy", () => {
    expect(() => proveCompliance(kernels, 10_001n, claim)).toThrow(WitnessRefusedError);
    expect(() => proveCompliance(kernels, -1n, claim)).toThrow(WitnessRefusedError);
    expect(() => proveCompliance(kernels, 1n, { ...claim, inputElements: [] })).toThrow(WitnessRefusedError);
    expect(() => proveCompliance(kernels, 1n, { ...claim, effectiveLimit: 2n ** 64n })).toThrow(WitnessRefusedError);
  });

  it.each([2, 3, 5])("a batch of %s with events above the limit shows all-compliant = 0", (count) => {
    const header: BatchHeader = {
      ...batchInputs(fixtureStatement("b1") as ReturnType<typeof batchStatement>),
      policyId: "order_total.cap",
      policyLimit: 1001n,
      previousRoot: [1n, 2n, 3n, 4n],
    };
    const witness = batchWitness(kernels, header, batchEventsOf(kernels, count));
    expect(witness.inputs.isAllCompliant).toBe(count <= 2);
    const proof = proveBatch(kernels, witness, "default");
    const statement = batchStatement(batchElements(witness.inputs));
    expect(verify(kernels, proof, statement, { profiles: ["default"] })).toMatchObject({ valid: true });
    const flipped = statement.publicElements.with(24, count <= 2 ? 0n : 1n);
    expect(verify(kernels, proof, batchStatement(flipped), { profiles: ["default"] }).valid).toBe(false);
  });

  it("policy hashes reach the batch statement", () => {
    const limbs = bytesToLimbs(fromHex(policyHashHex("order_total.cap", { cap: 1001n }), 32)!);
    expect(limbs).toHaveLength(8);
    expect(parsePolicy("order_total.cap", { cap: 1001n }).limit).toBe(1001n);
  });
});
