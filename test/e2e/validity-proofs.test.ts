/** Validity proofs over the wire, and the database's own guards on both kinds. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectProblem } from "../support/problem.js";
import { startService, type TestAgent, type TestService, uuid } from "../support/service.js";
import { tamper, type ValiditySubmission, validitySubmission } from "../support/stark-proofs.js";

describe("validity proofs", () => {
  let service: TestService;
  let agent: TestAgent;
  let batchId: string;
  let base: string;
  let submission: ValiditySubmission;
  let stored: Record<string, unknown>;

  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
    await agent.ingest([agent.sign(), agent.sign()]);
    const range = { tenant_id: agent.tenantId, store_id: agent.storeId, sequence_start: 1, sequence_end: 2 };
    batchId = (await service.post("/api/v1/ves/commitments", range)).json.batch_id;
    base = `/api/v1/ves/validity/${batchId}`;
    submission = validitySubmission(await service.get(`${base}/inputs`));
    stored = (await service.post(`${base}/proofs`, submission)).json;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const submit = (change: Record<string, unknown>, key?: string) =>
    service.post(`${base}/proofs`, { ...submission, ...change }, key);

  it("have the commitment's canonical inputs", async () => {
    const commitment = (await service.get(`/api/v1/ves/commitments/${batchId}`)).json;
    expect((await service.get(`${base}/inputs`)).json.public_inputs).toEqual({
      batchId,
      tenantId: agent.tenantId,
      storeId: agent.storeId,
      vesVersion: 1,
      treeDepth: 1,
      leafCount: 2,
      paddedLeafCount: 2,
      merkleRoot: commitment.merkle_root,
      prevStateRoot: commitment.prev_state_root,
      newStateRoot: commitment.new_state_root,
      sequenceStart: 1,
      sequenceEnd: 2,
      allCompliant: true,
      policyHash: "0".repeat(64),
      policyLimit: 0,
    });
  });

  it("are stored, repeated, shown, listed and verified, saying what they do not show", async () => {
    expect(stored).toMatchObject({ batch_id: batchId, proof_type: "stark", proof_version: 2 });
    expect(stored.public_inputs).toEqual(submission.publicInputs);
    const hash = createHash("sha256").update("STATESET_VES_VALIDITY_PROOF_HASH_V1");
    expect(stored.proof_hash).toBe(hash.update(submission.proofB64, "base64").digest("hex"));
    expect(stored.stark_security_bits).toBeGreaterThanOrEqual(110);
    expect(stored.stark_statement).toContain("does not show that the events comply");
    expect((await submit({})).json).toEqual(stored);
    expect((await service.post("/api/v1/ves/validity-proofs", { ...submission, batchId })).json).toEqual(stored);
    const { proofType, proofVersion, proofB64, publicInputs, batchPublicInputs } = submission;
    const others = {
      ...{ batch_id: batchId, proof_type: proofType, proof_version: proofVersion, proof_data: proofB64 },
      ...{ public_inputs: publicInputs, batch_public_inputs: batchPublicInputs },
    };
    expect((await service.post("/api/v1/ves/validity-proofs", others)).json).toEqual(stored);
    expect((await service.get(`${base}/proofs`)).json).toEqual({ batch_id: batchId, proofs: [stored], count: 1 });
    const one = `/api/v1/ves/validity/proofs/${stored.proof_id}`;
    expect((await service.get(one)).json).toEqual({ ...stored, proof_b64: submission.proofB64 });
    const check = (await service.get(`${one}/verify`)).json;
    expect(check).toMatchObject({ valid: true, stark_valid: true, public_inputs_match: true, reason: null });
    expect(check.public_inputs_hash).toBe(check.canonical_public_inputs_hash);
  });

  it("conflict and are refused by what differs", async () => {
    const bytes = await submit({ proofB64: tamper(submission.proofB64) });
    expectProblem(bytes, "ALREADY_EXISTS");
    expect(bytes.json.detail).toContain("ves_validity_proof_conflict");
    const inputs = await submit({ batchPublicInputs: null });
    expectProblem(inputs, "ALREADY_EXISTS");
    expect(inputs.json.detail).toContain("ves_validity_proof_public_inputs_conflict");
    const refuse = async (change: Record<string, unknown>, detail: string) => {
      const answer = await submit({ proofType: "STARK.other", ...change });
      expectProblem(answer, "INVALID_FIELD_VALUE");
      expect(answer.json.detail).toContain(detail);
    };
    const { batchPublicInputs } = submission;
    await refuse({ proofB64: tamper(submission.proofB64) }, "Invalid STARK proof: ");
    await refuse({ batchPublicInputs: null }, "batchPublicInputs are required");
    const changed = (member: string, value: unknown) => ({
      batchPublicInputs: { ...batchPublicInputs, [member]: value },
    });
    await refuse(changed("timestamp", "1"), "Invalid STARK proof: ");
    await refuse(changed("batch_id", ["1", "2", "3", "4"]), "batch_id is not the commitment's");
    await refuse(changed("store_id", ["1", "2", "3", "4"]), "store_id is not the commitment's");
    await refuse(changed("all_compliant", "0"), "all_compliant must be true");
    await refuse({ ...changed("sequence_start", "2") }, "STARK proof verification error: ");
    await refuse({ publicInputs: { ...submission.publicInputs, leafCount: 3 } }, "canonical inputs for this batch");
  });

  it("take an admin of the tenant, and do not exist for others", async () => {
    const writer = await service.apiKey({ tenantId: agent.tenantId, permissions: "read_write" });
    const stranger = await service.apiKey({ tenantId: uuid(), permissions: "admin" });
    const own = await service.apiKey({ tenantId: agent.tenantId, permissions: "admin" });
    expectProblem(await submit({}, writer), "INSUFFICIENT_PERMISSIONS");
    expect((await submit({}, own)).json).toEqual(stored);
    expect((await service.get(`${base}/inputs`, writer)).status).toBe(200);
    expectProblem(await submit({}, stranger), "BATCH_NOT_FOUND");
    for (const path of ["inputs", "proofs"]) {
      expectProblem(await service.get(`${base}/${path}`, stranger), "BATCH_NOT_FOUND");
    }
    const one = `/api/v1/ves/validity/proofs/${stored.proof_id}`;
    expectProblem(await service.get(one, stranger), "RESOURCE_NOT_FOUND");
    expectProblem(await service.get(`${one}/verify`, stranger), "RESOURCE_NOT_FOUND");
  });

  it("survive a crash, and the database itself keeps both kinds append-only and in their stream", async () => {
    const event = agent.sign();
    await agent.ingest([event]);
    const opaque = { proofType: "opaque", policyId: "p", proofB64: "AAAA" };
    await service.post(`/api/v1/ves/compliance/${event.event_id}/proofs`, opaque);
    const stranger = await service.agent();
    await stranger.ingest([stranger.sign()]);
    await service.crashAndRestart();
    expect((await service.get(`${base}/proofs`)).json.proofs).toEqual([stored]);
    await service.process.kill();
    const db = new Database(join(service.folder, "sequencer.db"));
    try {
      for (const table of ["ves_compliance_proofs", "ves_validity_proofs"]) {
        expect(() => db.exec(`UPDATE ${table} SET proof = x'00'`)).toThrow("append-only");
        expect(() => db.exec(`DELETE FROM ${table}`)).toThrow("append-only");
        db.exec(`CREATE TEMP TABLE copy AS SELECT * FROM ${table}`);
        db.exec("UPDATE copy SET ref = ref + 100, proof_id = randomblob(16), proof_type = 'again'");
        db.exec("UPDATE copy SET stream_ref = (SELECT ref FROM streams WHERE ref <> copy.stream_ref)");
        expect(() => db.exec(`INSERT INTO ${table} SELECT * FROM copy`)).toThrow("stream");
        db.exec("DROP TABLE copy");
      }
    } finally {
      db.close();
    }
    await service.startAgain();
  });
});
