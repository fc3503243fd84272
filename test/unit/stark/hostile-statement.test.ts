import { describe, expect, it } from "vitest";
import { FIELD_MODULUS } from "../../../src/stark/field.js";
import { verify } from "../../../src/stark/verify.js";
import {
  ACCEPT_ALL,
  BATCH_FIXTURES,
  batchStatement,
  COMPLIANCE_FIXTURES,
  complianceStatement,
  FIXTURES,
  fixtureProof,
  fixtureStatement,
  fixtureText,
  newKernels,
} from "./fixtures.js";

const kernels = newKernels();

function neighbours(elements: readonly bigint[]): bigint[][] {
  return elements.flatMap((value, i) =>
    [value + 1n, value === 0n ? FIELD_MODULUS - 1n : value - 1n].map((other) => elements.with(i, other)),
  );
}

describe("a proof holds for its own statement only", () => {
  it.each(COMPLIANCE_FIXTURES)("%s: each of 52 elements plus and minus one is refused", (name) => {
    const proof = fixtureProof(name);
    const elements = fixtureText(name, "pi").split(",").map(BigInt);
    expect(elements).toHaveLength(52);
    for (const changed of neighbours(elements)) {
      expect(verify(kernels, proof, complianceStatement(changed), ACCEPT_ALL).valid).toBe(false);
    }
  });

  it.each(BATCH_FIXTURES)("%s: each of 35 elements plus and minus one is refused", (name) => {
    const proof = fixtureProof(name);
    const elements = fixtureText(name, "pi").split(",").map(BigInt);
    expect(elements).toHaveLength(35);
    for (const changed of neighbours(elements)) {
      expect(verify(kernels, proof, batchStatement(changed), ACCEPT_ALL).valid).toBe(false);
    }
  });

  it("a proof of one kind or event is refused for another", () => {
    for (const proofName of FIXTURES) {
      for (const name of FIXTURES) {
        const isSame = fixtureText(proofName, "pi") === fixtureText(name, "pi");
        const verdict = verify(kernels, fixtureProof(proofName), fixtureStatement(name), ACCEPT_ALL);
        expect(verdict.valid).toBe(isSame);
      }
    }
  });

  it("malformed statements are refused by name", () => {
    const elements = fixtureText("c_secure", "pi").split(",").map(BigInt);
    const proof = fixtureProof("c_secure");
    const wrong = [
      elements.slice(0, 51),
      elements.with(51, FIELD_MODULUS),
      elements.with(0, -1n),
      elements.with(0, 1n << 64n),
    ];
    for (const changed of wrong) {
      expect(verify(kernels, proof, complianceStatement(changed))).toMatchObject({ code: "STATEMENT_INVALID" });
    }
    const batch = fixtureText("b8s", "pi").split(",").map(BigInt);
    const wrongBatches = [
      batch.slice(1),
      batch.with(23, 0n),
      batch.with(23, 129n).with(21, 170n),
      batch.with(24, 2n),
      batch.with(25, 2n),
      batch.with(26, 0n),
      batch.with(26, 1n << 53n),
      batch.with(0, FIELD_MODULUS),
    ];
    for (const changed of wrongBatches) {
      const verdict = verify(kernels, fixtureProof("b8s"), batchStatement(changed));
      expect(verdict).toMatchObject({ valid: false, code: "STATEMENT_INVALID" });
    }
  });
});

describe("acceptance of option sets", () => {
  it("secure by default, others only when named, with the security stated", () => {
    const secure = verify(kernels, fixtureProof("c_secure"), fixtureStatement("c_secure"));
    expect(secure).toEqual({ valid: true, profile: "secure", securityBits: 119 });
    expect(verify(kernels, fixtureProof("b8s"), fixtureStatement("b8s"))).toMatchObject({ securityBits: 113 });
    const refused = verify(kernels, fixtureProof("c_default"), fixtureStatement("c_default"));
    expect(refused).toMatchObject({ valid: false, code: "OPTIONS_NOT_ACCEPTED" });
    const accepted = { profiles: ["default", "secure"] } as const;
    expect(verify(kernels, fixtureProof("c_default"), fixtureStatement("c_default"), accepted)).toMatchObject({
      valid: true,
      securityBits: 55,
    });
    expect(verify(kernels, fixtureProof("c_fast"), fixtureStatement("c_fast"), accepted)).toMatchObject({
      code: "OPTIONS_NOT_ACCEPTED",
    });
  });
});
