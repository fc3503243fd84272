import { describe, expect, it } from "vitest";
import { proveBatch } from "../../../src/stark/prove.js";
import { permute, rescueHash, rescuePair } from "../../../src/stark/rescue.js";
import { batchElements, batchInputs } from "../../../src/stark/v2/batch-statement.js";
import { type BatchEvent, type BatchWitness, batchWitness } from "../../../src/stark/v2/batch-witness.js";
import { verify } from "../../../src/stark/verify.js";
import { batchStatement, fixtureStatement, newKernels } from "./fixtures.js";
import { mod } from "./model.js";

const kernels = newKernels();

/**
 * What a malicious prover does: keep the policy in the public inputs, but use another limit in the event rows, which
 * nothing ties to it, and call every event compliant.
 */
function lie(honest: BatchWitness): BatchWitness {
  const leaves = honest.leaves.map((leaf) => ({
    ...leaf,
    isCompliant: true,
    hash: rescueHash(kernels, [...leaf.eventId, ...leaf.commitment, ...honest.policyLimbs, ...leaf.inputHash, 1n]),
  }));
  const root = rescuePair(kernels, leaves[0]!.hash, leaves[1]!.hash);
  const state = permute(kernels, [...root, ...honest.metadata, ...honest.inputs.previousRoot]);
  const newRoot = [0, 1, 2, 3].map((i) => mod(state[i]! + 13n * state[4 + i]! + 37n * state[8 + i]!));
  return {
    ...honest,
    inputs: { ...honest.inputs, newRoot, isAllCompliant: true },
    leaves,
    levels: [leaves.map((leaf) => leaf.hash), [root]],
    effectiveLimit: 2_000_000_000n,
  };
}

describe("finding F4: a batch proof is no evidence", () => {
  it("two events of 1e9 under a limit of 10000 pass as all compliant, here as in the original", () => {
    const header = batchInputs(fixtureStatement("b1") as ReturnType<typeof batchStatement>);
    const events = [0n, 1n].map(
      (i): BatchEvent => ({
        eventId: [i, 2n, 3n, 4n],
        amount: 1_000_000_000n,
        inputHash: [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n],
      }),
    );
    const honest = batchWitness(kernels, header, events);
    expect([honest.inputs.policyLimit, honest.inputs.isAllCompliant]).toEqual([10_000n, false]);
    const witness = lie(honest);
    const statement = batchStatement(batchElements(witness.inputs));
    // Wire compatibility forbids a fix; so no answer of ours may let this replace the events' own proofs.
    expect(verify(kernels, proveBatch(kernels, witness), statement)).toMatchObject({ valid: true });
  });
});
