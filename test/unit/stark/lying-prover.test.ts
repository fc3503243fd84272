import { describe, expect, it } from "vitest";
import { FIELD_MODULUS } from "../../../src/stark/field.js";
import type { KernelFunctions, Kernels } from "../../../src/stark/kernels.js";
import type { RefusalCode } from "../../../src/stark/refusal.js";
import type { ComplianceStatement, Statement } from "../../../src/stark/statement.js";
import type { Air } from "../../../src/stark/v2/air.js";
import { batchElements } from "../../../src/stark/v2/batch-statement.js";
import { batchTrace } from "../../../src/stark/v2/batch-trace.js";
import { complianceAir } from "../../../src/stark/v2/compliance-air.js";
import { complianceTrace } from "../../../src/stark/v2/compliance-trace.js";
import { isInsideDomain } from "../../../src/stark/v2/ood-check.js";
import { PROOF_PROFILES, type ProofProfile } from "../../../src/stark/v2/options.js";
import { proveTrace } from "../../../src/stark/v2/prover.js";
import { airOf, verify } from "../../../src/stark/verify.js";
import { batchStatement, batchWitnessOf, fixtureStatement, newKernels } from "./fixtures.js";
import { mod, power, rootOfOrder } from "./model.js";

/**
 * Provers that follow the whole protocol but for one step, so that exactly one check of the verifier stands between
 * them and acceptance. Each case fails if that check is taken out.
 */
const honest = newKernels();
const statement = fixtureStatement("c_default") as ComplianceStatement;
const air = complianceAir(statement);

/** An instance whose kernel functions are partly replaced. */
function lyingKernels(change: (call: KernelFunctions, kernels: Kernels) => Partial<KernelFunctions>): Kernels {
  const kernels = newKernels();
  const call = kernels.call;
  Object.defineProperty(kernels, "call", { value: { ...call, ...change(call, kernels) } });
  return kernels;
}

function complianceProof(kernels: Kernels, under: Air = air, profile: ProofProfile = "default"): Uint8Array {
  const trace = complianceTrace(honest, 5000n, 9999n, statement.inputElements);
  return proveTrace(kernels, under, trace, PROOF_PROFILES[profile]);
}

function codeOf(proof: Uint8Array, of: Statement, profile: ProofProfile = "default"): RefusalCode | "VALID" {
  const verdict = verify(honest, proof, of, { profiles: [profile] });
  return verdict.valid ? "VALID" : verdict.code;
}

/** Cells whose change breaks a constraint of each kind, and no boundary assertion. */
const BROKEN_CELLS: [constraint: number, row: number, column: number][] = [
  [0, 7, 38],
  [6, 0, 45],
  [65, 0, 12],
  [67, 0, 137],
  [131, 0, 105],
  [133, 0, 113],
  [136, 0, 106],
  [137, 5, 0],
  [148, 5, 11],
  [156, 0, 7],
];

describe("one broken step, one check", () => {
  it("the honest prover of these tests is accepted", () => {
    expect(codeOf(complianceProof(newKernels()), statement)).toBe("VALID");
  });

  it("a limit the amount exceeds: boundary of another statement", () => {
    const wish = { ...statement, effectiveLimit: 4999n };
    const weak = { ...complianceAir(wish), assertions: air.assertions };
    expect(codeOf(complianceProof(newKernels(), weak), wish)).toBe("OOD_INCONSISTENT");
  });

  it.each(BROKEN_CELLS)("a trace that breaks constraint %i", (_constraint, row, column) => {
    const trace = complianceTrace(honest, 5000n, 9999n, statement.inputElements);
    trace.set(row, column, mod(trace.get(row, column) + 2n));
    const proof = proveTrace(newKernels(), air, trace, PROOF_PROFILES.default);
    expect(codeOf(proof, statement)).toBe("OOD_INCONSISTENT");
  });

  it("a composition that is off in the second limb only", () => {
    const kernels = lyingKernels((call, own) => ({
      evaluateComposition: (out, ...rest) => {
        call.evaluateComposition(out, ...rest);
        const second = own.elements(out + 128 * 8, 128);
        for (const [i, value] of second.entries()) second[i] = mod(value + 5n);
      },
    }));
    expect(codeOf(complianceProof(kernels, air, "secure"), statement, "secure")).toBe("OOD_INCONSISTENT");
  });

  it("no proof of work", () => {
    const kernels = lyingKernels(() => ({ grind: () => 12_345n }));
    expect(codeOf(complianceProof(kernels), statement)).toBe("PROOF_OF_WORK_INSUFFICIENT");
  });

  it("a committed polynomial that is not the DEEP one", () => {
    const kernels = lyingKernels((call, own) => ({
      deepRows: (out, ...rest) => {
        const code = call.deepRows(out, ...rest);
        own.elements(out, 512).fill(5n);
        return code;
      },
    }));
    expect(codeOf(complianceProof(kernels), statement)).toBe("REMAINDER_INCONSISTENT");
  });

  it("an out-of-domain limb written as itself plus p", () => {
    const kernels = lyingKernels((call, own) => ({
      storeElements: (wire, elements, count, degree) => {
        call.storeElements(wire, elements, count, degree);
        const limbs = own.elements(wire, count * degree);
        const zero = limbs.indexOf(0n);
        if (count === 496 && zero >= 0) limbs[zero] = FIELD_MODULUS;
      },
    }));
    expect(codeOf(complianceProof(kernels), statement)).toBe("NON_CANONICAL_ELEMENT");
  });

  it("a queried zero written as p", () => {
    const kernels = lyingKernels((call, own) => ({
      extendColumns: (out, coefficients, width, ...rest) => {
        call.extendColumns(out, coefficients, width, ...rest);
        const unusedColumn = 28;
        if (width === 248)
          for (let row = 0; row < 256; row++) own.elements(out, 256 * 248)[row * 248 + unusedColumn] = FIELD_MODULUS;
      },
    }));
    expect(codeOf(complianceProof(kernels), statement)).toBe("NON_CANONICAL_ELEMENT");
  });

  it("the remainder's last coefficient, always zero, written as p", () => {
    const kernels = lyingKernels((call, own) => ({
      hash: (out, input, length) => {
        if (length === 128) own.elements(input, 16)[15] = FIELD_MODULUS;
        call.hash(out, input, length);
      },
    }));
    expect(codeOf(complianceProof(kernels), statement)).toBe("NON_CANONICAL_ELEMENT");
  });
});

describe("one broken step in FRI", () => {
  const witness = batchWitnessOf(honest, 1);
  const batch = batchStatement(batchElements(witness.inputs));
  const prove = (kernels: Kernels, profile: ProofProfile): Uint8Array =>
    proveTrace(kernels, airOf(honest, batch), batchTrace(honest, witness), PROOF_PROFILES[profile]);

  it("the honest prover of these tests is accepted", () => {
    expect(codeOf(prove(newKernels(), "default"), batch)).toBe("VALID");
  });

  it("a first layer of another polynomial", () => {
    const kernels = lyingKernels((call, own) => ({
      deepRows: (out, ...rest) => {
        const code = call.deepRows(out, ...rest);
        own.elements(out, 8192).fill(5n);
        return code;
      },
    }));
    expect(codeOf(prove(kernels, "default"), batch)).toBe("FRI_LAYER_INCONSISTENT");
  });

  it("a first layer that differs in the second limb only", () => {
    const kernels = lyingKernels((call, own) => ({
      deepRows: (out, ...rest) => {
        const code = call.deepRows(out, ...rest);
        const limbs = own.elements(out, 8192);
        for (let i = 1; i < limbs.length; i += 2) limbs[i] = 5n;
        return code;
      },
    }));
    expect(codeOf(prove(kernels, "secure"), batch, "secure")).toBe("FRI_LAYER_INCONSISTENT");
  });

  it("a layer of zeros written as p", () => {
    const kernels = lyingKernels((call, own) => ({
      deepRows: (out, ...rest) => {
        const code = call.deepRows(out, ...rest);
        own.elements(out, 8192).fill(0n);
        return code;
      },
      storeElements: (wire, elements, count, degree) => {
        call.storeElements(wire, elements, count, degree);
        if (count === 4096) own.elements(wire, count).fill(FIELD_MODULUS);
      },
    }));
    expect(codeOf(prove(kernels, "default"), batch)).toBe("NON_CANONICAL_ELEMENT");
  });

  it("a fold that is not a fold", () => {
    const kernels = lyingKernels((_call, own) => ({
      foldRows: (out, _rows, count) => {
        own.elements(out, 2 * count).fill(0n);
      },
    }));
    expect(codeOf(prove(kernels, "default"), batch)).toBe("REMAINDER_INCONSISTENT");
  });
});

describe("degenerate points", () => {
  it("z in the extension domain is recognised, in the base field only", () => {
    const inside = mod(7n * power(rootOfOrder(8), 77n));
    const at = (a: bigint, b: bigint): boolean => isInsideDomain(honest, honest.putElements([a, b]), 4);
    expect([at(inside, 0n), at(inside, 1n), at(inside + 1n, 0n), at(0n, 0n)]).toEqual([true, false, false, false]);
  });

  it("z in the trace domain has no periodic value", () => {
    const { call } = honest;
    const values = honest.putElements(air.periodic.values);
    const [out, scratch] = [honest.alloc(15 * 16), honest.alloc(16 * 32)];
    const evaluate = (z: bigint): number => {
      return call.evaluatePeriodic(out, values, 15, 4, honest.putElements([z, 0n]), scratch);
    };
    expect([evaluate(power(rootOfOrder(4), 3n)), evaluate(12_345n)]).toEqual([0, 1]);
  });
});
