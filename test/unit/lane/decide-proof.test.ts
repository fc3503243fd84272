/** Registering proofs, decided on rows alone: whose they are, what is the same again, what conflicts, how many there may be. */
import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { type Chunk, openChunk } from "../../../src/lane/chunk.js";
import { decideProof } from "../../../src/lane/decide-proof.js";
import { proofSubjectKey } from "../../../src/store/chunk-key.js";
import type { ChunkState } from "../../../src/store/contract.js";
import { PROOFS_PER_SUBJECT_MAX, type ProofFacts } from "../../../src/store/proof-contract.js";

const id = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000` as Uuid;
const bytes = (value: number) => new Uint8Array(32).fill(value);

const FACTS: ProofFacts = {
  ...{ kind: "compliance", proofId: id("1"), subjectId: id("2"), tenantId: id("3"), storeId: id("4") },
  ...{ proofType: "stark", proofVersion: 2, publicInputs: "{}", batchInputs: null, securityBits: 119 },
  policy: { policyId: "p", policyParams: "{}", policyHash: bytes(1) },
  witnessCommitment: bytes(2),
  proofHash: bytes(3),
};

function chunkWith(proofs: number): Chunk {
  const subject = { tenantId: FACTS.tenantId, storeId: FACTS.storeId, proofs };
  const state: ChunkState = {
    ...{ nextOffset: 1, lastSequencedAtMs: 0, streams: new Map(), events: new Map(), entities: new Map() },
    ...{ commands: new Set(), agentKeys: new Map(), highestKeyIds: new Map(), apiKeys: new Map() },
    ...{ lastCommitments: new Map(), commitments: new Map(), proofs: new Map() },
    proofSubjects: new Map([[proofSubjectKey(FACTS), subject]]),
  };
  const sequencer = { sequencerId: id("5"), publicKey: bytes(0) };
  return openChunk(state, { nowMs: 77, sequencer, sign: () => bytes(0), keyEpoch: 0 });
}

const submit = (chunk: Chunk, change: Partial<ProofFacts> = {}) =>
  decideProof(chunk, {
    ...{ kind: "submit_compliance_proof", requestId: 1, proof: bytes(9) },
    facts: { ...FACTS, ...change },
  });

describe("a proof", () => {
  it("is written once, whatever comes again in the same chunk", () => {
    const chunk = chunkWith(0);
    const stored = submit(chunk);
    expect(stored).toEqual({ ...FACTS, submittedAtMs: 77 });
    expect(submit(chunk, { proofId: id("6") })).toBe(stored);
    expect(chunk.writes.proofs).toEqual([{ stored, proof: bytes(9) }]);
  });

  it.each<[string, Partial<ProofFacts>]>([
    ["ves_compliance_proof_conflict", { proofHash: bytes(8) }],
    ["ves_compliance_proof_public_inputs_conflict", { publicInputs: '{"a":1}' }],
    ["ves_compliance_proof_witness_commitment_conflict", { witnessCommitment: bytes(8) }],
    ["ves_compliance_proof_witness_commitment_conflict", { witnessCommitment: null }],
  ])("conflicts: %s", (name, change) => {
    const chunk = chunkWith(0);
    submit(chunk);
    const message = expect.stringContaining(`${name} - proof already exists for event_id=${FACTS.subjectId}`);
    expect(submit(chunk, change)).toEqual({ code: "ALREADY_EXISTS", message });
  });

  it("under another type, version or policy is another proof", () => {
    const chunk = chunkWith(0);
    submit(chunk);
    submit(chunk, { proofType: "stark.b" });
    submit(chunk, { proofVersion: 3 });
    submit(chunk, { policy: { policyId: "q", policyParams: "{}", policyHash: bytes(4) } });
    expect(chunk.writes.proofs).toHaveLength(4);
  });

  it("of an event that is not there, or of another stream, is refused", () => {
    const refusal = { code: "EVENT_NOT_FOUND", message: "Event not found" };
    for (const change of [{ subjectId: id("7") }, { tenantId: id("7") }, { storeId: id("7") }]) {
      const chunk = chunkWith(0);
      expect(submit(chunk, change)).toEqual(refusal);
      expect(chunk.writes.proofs).toEqual([]);
    }
  });

  it("is one of a bounded number", () => {
    const chunk = chunkWith(PROOFS_PER_SUBJECT_MAX - 1);
    expect(submit(chunk)).toMatchObject({ proofId: FACTS.proofId });
    expect(submit(chunk, { proofType: "one more" })).toMatchObject({ code: "QUOTA_EXCEEDED" });
    expect(submit(chunk)).toMatchObject({ proofId: FACTS.proofId });
  });
});
