/** The bounds of the proof workers: what runs, what waits, what is refused, what comes too late; and what they read. */
import { describe, expect, it } from "vitest";
import { ThreadStarts } from "../../../src/base/thread-starts.js";
import { ProofWorkers } from "../../../src/proofs/proof-workers.js";
import { fixtureProof, fixtureStatement } from "../stark/fixtures.js";

const proof = fixtureProof("c_secure");
const statement = fixtureStatement("c_secure");

function rethrow(error: Error): never {
  throw error;
}

function newWorkers(queueMax: number, deadlineMs: number, bytesMax = 1 << 20): ProofWorkers {
  const acceptance = { profiles: ["secure"] } as const;
  const onDemand = { idleMs: 60_000, starts: new ThreadStarts(), onFailure: rethrow };
  return new ProofWorkers({
    ...onDemand,
    threads: 1,
    queueMax,
    bytesMax,
    deadlineMs,
    acceptance,
    onVerified: () => {},
  });
}

const busy = expect.objectContaining({ code: "SERVICE_UNAVAILABLE" });

describe("the proof workers", () => {
  it("give a place to one that runs and one that waits, refuse the third at once, and have room again afterwards", async () => {
    await using workers = newWorkers(1, 30_000);
    {
      using first = workers.admit(1);
      using second = workers.admit(1);
      expect(() => workers.admit(1)).toThrow(busy);
      expect(workers.open).toBe(2);
      const both = await Promise.all([first, second].map((place) => workers.verify(place, proof, statement)));
      for (const { verdict } of both) expect(verdict).toMatchObject({ valid: true, securityBits: 119 });
    }
    expect(workers.open).toBe(0);
    using place = workers.admit(1);
    expect((await workers.verify(place, proof.subarray(1), statement)).verdict.valid).toBe(false);
  });

  it("hold a bounded number of bytes, but for a lone proof", async () => {
    await using workers = newWorkers(8, 30_000, 99);
    {
      using lone = workers.admit(100);
      expect(() => workers.admit(1)).toThrow(busy);
      expect(lone).toBeDefined();
    }
    using half = workers.admit(50);
    using other = workers.admit(49);
    expect(() => workers.admit(1)).toThrow(busy);
    expect([half, other].length).toBe(2);
  });

  it("say TIMEOUT after the deadline and keep the place taken until the work is done", async () => {
    await using workers = newWorkers(0, 1);
    {
      using place = workers.admit(1);
      await expect(workers.verify(place, proof, statement)).rejects.toMatchObject({ code: "TIMEOUT" });
      expect(() => place.checkDeadline()).toThrow(expect.objectContaining({ code: "TIMEOUT" }));
    }
    expect(() => workers.admit(1)).toThrow(busy);
    await expect.poll(() => workers.open, { timeout: 30_000 }).toBe(0);
  });

  it("read a submission whose bytes move to them, and pass a refusal on with its code and pointer", async () => {
    await using workers = newWorkers(1, 30_000);
    using place = workers.admit(1);
    const form = { kind: "compliance", namesSubject: false } as const;
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
    const body = bytes(`{"proofType":"x","policyId":"p","proofB64":"AQID","policyParams":{"cap":9007199254740991}}`);
    const submission = await workers.read(place, form, body);
    expect(body.byteLength).toBe(0);
    expect(submission).toMatchObject({ subjectId: null, proofType: "x", proofVersion: 1, publicInputs: null });
    expect(submission.policy).toEqual({ policyId: "p", policyParams: { cap: 9007199254740991n } });
    expect([...submission.proof]).toEqual([1, 2, 3]);
    const wrong = workers.read(place, form, bytes(`{"proofType":1}`));
    await expect(wrong).rejects.toMatchObject({ code: "UNPROCESSABLE_BODY", extras: { pointer: "/proofType" } });
  });
});
