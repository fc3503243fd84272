/** The verification pool's bounds: what runs, what waits, what is refused, what comes too late. */
import { describe, expect, it } from "vitest";
import { StarkVerifier } from "../../../src/proofs/stark-verifier.js";
import { fixtureProof, fixtureStatement } from "../stark/fixtures.js";

const proof = fixtureProof("c_secure");
const statement = fixtureStatement("c_secure");

function newVerifier(queueMax: number, deadlineMs: number, bytesMax = 1 << 20): StarkVerifier {
  const acceptance = { profiles: ["secure"] } as const;
  return new StarkVerifier({ threads: 1, queueMax, bytesMax, deadlineMs, acceptance, onVerified: () => {} });
}

describe("the STARK verifier", () => {
  it("runs one, lets one wait, refuses the third at once, and has room again afterwards", async () => {
    await using verifier = newVerifier(1, 30_000);
    const taken = [verifier.verify(proof, statement), verifier.verify(proof, statement)];
    await expect(verifier.verify(proof, statement)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(verifier.open).toBe(2);
    for (const { verdict } of await Promise.all(taken))
      expect(verdict).toMatchObject({ valid: true, securityBits: 119 });
    expect(verifier.open).toBe(0);
    const wrong = await verifier.verify(proof.subarray(1), statement);
    expect(wrong.verdict.valid).toBe(false);
  });

  it("holds a bounded number of bytes, but for a lone proof", async () => {
    await using verifier = newVerifier(8, 30_000, proof.length - 1);
    const lone = verifier.verify(proof, statement);
    await expect(verifier.verify(proof, statement)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect((await lone).verdict.valid).toBe(true);
    expect((await verifier.verify(proof, statement)).verdict.valid).toBe(true);
  });

  it("says TIMEOUT after its deadline and keeps the place taken until the work is done", async () => {
    await using verifier = newVerifier(0, 1);
    await expect(verifier.verify(proof, statement)).rejects.toMatchObject({ code: "TIMEOUT" });
    await expect(verifier.verify(proof, statement)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    await expect.poll(() => verifier.open).toBe(0);
  });
});
