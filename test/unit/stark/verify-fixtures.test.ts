import { describe, expect, it } from "vitest";
import { verify } from "../../../src/stark/verify.js";
import { ACCEPT_ALL, FIXTURES, fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";

const kernels = newKernels();

describe("honest proofs of the original prover", () => {
  it.each(FIXTURES)("%s is accepted", (name) => {
    const verdict = verify(kernels, fixtureProof(name), fixtureStatement(name), ACCEPT_ALL);
    expect(verdict).toMatchObject({ valid: true });
  });
});
