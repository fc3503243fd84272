/** Compliance proofs over the wire: made by the prover for an ingested event, submitted, refused, repeated, kept. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complianceProofHash } from "../../src/stark/digest.js";
import { expectProblem } from "../support/problem.js";
import { startService, type TestAgent, type TestService, uuid } from "../support/service.js";
import { type ComplianceSubmission, complianceSubmission, tamper } from "../support/stark-proofs.js";

const POLICY = { policyId: "order_total.cap", policyParams: { cap: 10_000 } };
const POLICY_HASH = "f7ea21310eff86f65a1be0173521c32849e153af13636a4b4226e4e5b39d53cd";

describe("compliance proofs", () => {
  let service: TestService;
  let agent: TestAgent;
  let event: ReturnType<TestAgent["sign"]>;
  let submission: ComplianceSubmission;
  let stored: Record<string, unknown>;
  let base: string;

  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
    event = agent.sign();
    await agent.ingest([event]);
    base = `/api/v1/ves/compliance/${event.event_id}`;
    submission = complianceSubmission(await service.post(`${base}/inputs`, POLICY), 5000n);
    stored = (await service.post(`${base}/proofs`, submission)).json;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const submit = (change: Record<string, unknown>, key?: string) =>
    service.post(`${base}/proofs`, { ...submission, ...change }, key);

  it("have canonical inputs, the same by GET and POST", async () => {
    const posted = await service.post(`${base}/inputs`, POLICY);
    const query = new URLSearchParams({
      policy_id: POLICY.policyId,
      policy_params: JSON.stringify(POLICY.policyParams),
    });
    expect((await service.get(`${base}/inputs?${query}`)).text).toBe(posted.text);
    expect(posted.json.public_inputs).toEqual({
      eventId: event.event_id,
      tenantId: agent.tenantId,
      storeId: agent.storeId,
      sequenceNumber: 1,
      payloadKind: 0,
      payloadPlainHash: event.payload_plain_hash.slice(2),
      payloadCipherHash: "0".repeat(64),
      eventSigningHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      ...POLICY,
      policyHash: POLICY_HASH,
    });
    expect(posted.json.public_inputs_hash).toMatch(/^[0-9a-f]{64}$/);
    expectProblem(await service.post(`${base}/inputs`, { policyId: " " }), "INVALID_FIELD_VALUE");
    const unsafe = `{"policyId":"order_total.cap","policyParams":{"cap":9007199254740993}}`;
    expectProblem(await service.post(`${base}/inputs`, unsafe), "UNPROCESSABLE_BODY");
    expectProblem(await service.get(`${base}/inputs`), "MISSING_REQUIRED_FIELD");
  });

  it("are stored with what they show, and shown, listed and verified", async () => {
    expect(stored).toMatchObject({
      event_id: event.event_id,
      tenant_id: agent.tenantId,
      store_id: agent.storeId,
      proof_type: "stark",
      proof_version: 2,
      policy_id: POLICY.policyId,
      policy_params: POLICY.policyParams,
      policy_hash: POLICY_HASH,
      proof_hash: complianceProofHash(Buffer.from(submission.proofB64, "base64")),
      witness_commitment_hex: submission.witnessCommitment,
      public_inputs: submission.publicInputs,
      stark_security_bits: 119,
    });
    expect(stored.stark_statement).toContain("does not show that the amount is the payload's");
    const listed = await service.get(`${base}/proofs`);
    expect(listed.json).toMatchObject({ event_id: event.event_id, count: 1, proofs: [stored] });
    const one = `/api/v1/ves/compliance/proofs/${stored.proof_id}`;
    expect((await service.get(one)).json).toEqual({ ...stored, proof_b64: submission.proofB64 });
    const limbs = [0, 16, 32, 48].map((at) => BigInt(`0x${submission.witnessCommitment.slice(at, at + 16)}`));
    expect((await service.get(one)).text).toContain(`"witness_commitment":[${limbs.join(",")}]`);
    expect((await service.get(`${one}/verify`)).json).toMatchObject({
      proof_id: stored.proof_id,
      proof_hash_match: true,
      public_inputs_match: true,
      stark_valid: true,
      stark_error: null,
      stark_security_bits: 119,
      valid: true,
      reason: null,
    });
    expect((await service.get("/metrics")).text).toContain('sequencer_proofs_submitted_total{kind="compliance"');
  });

  it("are registered once: the same again is the stored one, in any spelling and by the older route", async () => {
    expect((await submit({})).json).toEqual(stored);
    const urlSafe = submission.proofB64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    expect((await submit({ proofB64: urlSafe, publicInputs: null })).json).toEqual(stored);
    const limbs = [0, 16, 32, 48].map((at) => BigInt(`0x${submission.witnessCommitment.slice(at, at + 16)}`));
    const text = JSON.stringify({ ...submission, witnessCommitment: 0 });
    const withLimbs = text.replace('"witnessCommitment":0', `"witnessCommitment":[${limbs.join(",")}]`);
    expect((await service.post(`${base}/proofs`, withLimbs)).json).toEqual(stored);
    const older = { ...submission, eventId: event.event_id };
    expect((await service.post("/api/v1/ves/compliance-proofs", older)).json).toEqual(stored);
    const both = await Promise.all([1, 2, 3].map(() => submit({ proofType: "stark.twice" })));
    expect(new Set(both.map((answer) => answer.json.proof_id)).size).toBe(1);
  });

  it("conflict when something else comes under the same key", async () => {
    const other = complianceSubmission(await service.post(`${base}/inputs`, POLICY), 6000n);
    const bytes = await submit({ ...other });
    expectProblem(bytes, "ALREADY_EXISTS");
    expect(bytes.json.detail).toContain("ves_compliance_proof_conflict");
    const witness = await submit({ witnessCommitment: other.witnessCommitment });
    expectProblem(witness, "ALREADY_EXISTS");
    expect(witness.json.detail).toContain("ves_compliance_proof_witness_commitment_conflict");
  });

  it("are refused when proof, inputs, commitment, policy or event are not what was proven", async () => {
    const fresh = { proofType: "stark.other" };
    const refuse = async (change: Record<string, unknown>, detail: string) => {
      const answer = await submit({ ...fresh, ...change });
      expectProblem(answer, "INVALID_FIELD_VALUE");
      expect(answer.json.detail).toContain(detail);
    };
    await refuse({ proofB64: tamper(submission.proofB64) }, "Invalid STARK proof: ");
    await refuse({ witnessCommitment: "0".repeat(63).concat("1") }, "Invalid STARK proof: ");
    await refuse({ witnessCommitment: "f".repeat(64) }, "STARK proof verification error: ");
    await refuse({ witnessCommitment: null }, "witnessCommitment is required");
    await refuse({ witnessCommitment: submission.witnessCommitment.toUpperCase() }, "must be lowercase hex");
    await refuse({ witnessCommitment: "12" }, "64 lowercase hex characters");
    await refuse({ witnessCommitment: [1, 2, 3] }, "exactly 4 u64");
    const changed = { ...(submission.publicInputs as object), sequenceNumber: 2 };
    await refuse({ publicInputs: changed }, "must match the sequencer's canonical inputs");
    await refuse({ policyParams: { cap: 9999 }, publicInputs: null }, "Invalid STARK proof: ");
    await refuse({ policyId: "aml.threshold", publicInputs: null }, "STARK proof verification error: ");
    await refuse({ proofVersion: 1 }, "Unsupported proofVersion 1 (expected 2)");
    await refuse({ proofVersion: 0 }, "proofVersion must be >= 1");
    await refuse({ proofType: " " }, "proofType must not be empty");
    await refuse({ proofType: "x".repeat(33) }, "proofType must be <= 32 characters");
    await refuse({ proofType: "😀".repeat(33) }, "proofType must be <= 32 characters");
    for (const name of ["\0", "\0a", "a\0b"]) {
      await refuse({ proofType: name }, "proofType must not contain U+0000");
      await refuse({ policyId: name }, "policyId must not contain U+0000");
    }
    await refuse({ proofB64: "" }, "proofB64 must not be empty");
    await refuse({ proofB64: "a*" }, "Invalid base64");
    await refuse({ proofB64: "AB==" }, "Invalid base64");
    const second = agent.sign();
    await agent.ingest([second]);
    const elsewhere = { ...submission, publicInputs: null };
    const answer = await service.post(`/api/v1/ves/compliance/${second.event_id}/proofs`, elsewhere);
    expectProblem(answer, "INVALID_FIELD_VALUE");
    const weak = complianceSubmission(await service.post(`${base}/inputs`, POLICY), 5000n, "default");
    await refuse({ ...weak, ...fresh }, "OPTIONS_NOT_ACCEPTED");
  });

  it("are at most 2 MiB, and opaque ones are kept as they are", async () => {
    const opaque = {
      proofType: "groth16",
      witnessCommitment: null,
      policyId: "own",
      policyParams: { of: [1.5, "any"] },
    };
    const most = { ...opaque, publicInputs: null, proofB64: Buffer.alloc(2 * 1024 * 1024, 7).toString("base64") };
    const kept = await submit(most);
    expect(kept.json).toMatchObject({
      stark_statement: null,
      stark_security_bits: null,
      policy_params: { of: [1.5, "any"] },
    });
    // As long as its documented characters allow, and the table counts them alike.
    const named = { ...most, proofB64: "AAAA", proofType: "😀".repeat(32), policyId: "😀".repeat(64) };
    expect((await submit(named)).json).toMatchObject({ proof_type: named.proofType, policy_id: named.policyId });
    const checked = await service.get(`/api/v1/ves/compliance/proofs/${kept.json.proof_id}/verify`);
    expect(checked.json).toMatchObject({ valid: true, stark_valid: null, reason: null });
    const larger = await submit({ ...most, proofB64: Buffer.alloc(2 * 1024 * 1024 + 1).toString("base64") });
    expectProblem(larger, "INVALID_FIELD_VALUE");
    expect(larger.json.detail).toContain("at most 2097152 bytes");
  });

  it("do not exist for another tenant, and take the right permissions", async () => {
    const stranger = await service.apiKey({ tenantId: uuid(), permissions: "admin" });
    const otherStore = await service.apiKey({ tenantId: agent.tenantId, storeIds: [uuid()], permissions: "admin" });
    const reader = await service.apiKey({ tenantId: agent.tenantId, permissions: "read" });
    const one = `/api/v1/ves/compliance/proofs/${stored.proof_id}`;
    for (const key of [stranger, otherStore]) {
      expectProblem(await service.post(`${base}/inputs`, POLICY, key), "EVENT_NOT_FOUND");
      expectProblem(await service.get(`${base}/proofs`, key), "EVENT_NOT_FOUND");
      expectProblem(await submit({}, key), "EVENT_NOT_FOUND");
      expectProblem(await service.get(one, key), "RESOURCE_NOT_FOUND");
      expectProblem(await service.get(`${one}/verify`, key), "RESOURCE_NOT_FOUND");
    }
    expect((await service.get(one, reader)).status).toBe(200);
    expectProblem(await submit({}, reader), "INSUFFICIENT_PERMISSIONS");
    expectProblem(await service.get(`/api/v1/ves/compliance/proofs/${uuid()}`), "RESOURCE_NOT_FOUND");
    expectProblem(await service.get("/api/v1/ves/compliance/proofs/1"), "INVALID_FIELD_VALUE");
  });

  it("are still there after a crash", async () => {
    const before = await service.get(`${base}/proofs`);
    await service.crashAndRestart();
    expect((await service.get(`${base}/proofs`)).text).toBe(before.text);
    expect((await submit({})).json).toEqual(stored);
    const one = await service.get(`/api/v1/ves/compliance/proofs/${stored.proof_id}`);
    expect(one.json.proof_b64).toBe(submission.proofB64);
  });
});

describe("a service that verifies later, one at a time, old proofs too", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({
      VES_STARK_VERIFY_ON_SUBMIT: "false",
      VES_STARK_VERIFY_CONCURRENCY: "1",
      VES_STARK_VERIFY_QUEUE: "0",
      VES_STARK_ACCEPT_DEFAULT_PROFILE: "true",
    });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("says what is wrong with a stored proof, how weak a good one is, and when it is busy", async () => {
    const agent = await service.agent();
    const event = agent.sign();
    await agent.ingest([event]);
    const base = `/api/v1/ves/compliance/${event.event_id}`;
    const good = complianceSubmission(await service.post(`${base}/inputs`, POLICY), 7n, "default");
    const submit = async (change: Record<string, unknown>) =>
      (await service.post(`${base}/proofs`, { ...good, ...change })).json;
    const weak = await submit({});
    expect(weak.stark_security_bits).toBeNull();
    const bad = await submit({ proofType: "stark.bad", proofB64: tamper(good.proofB64) });
    const verify = (proofId: string) => service.get(`/api/v1/ves/compliance/proofs/${proofId}/verify`);
    expect((await verify(weak.proof_id)).json).toMatchObject({ valid: true, stark_security_bits: 55 });
    expect((await verify(bad.proof_id)).json).toMatchObject({
      valid: false,
      stark_valid: false,
      proof_hash_match: true,
      stark_security_bits: null,
      reason: "stark_invalid",
    });
    for (let round = 0, isBusy = false; !isBusy; round++) {
      const answers = await Promise.all(Array.from({ length: 16 }, () => verify(weak.proof_id)));
      const busy = answers.filter(({ status }) => status !== 200);
      isBusy = busy.length > 0;
      for (const answer of busy) {
        expectProblem(answer, "SERVICE_UNAVAILABLE");
        expect(answer.json.detail).toBe("STARK verifier is busy, try again later");
        expect(answer.headers.get("retry-after")).toBe("1");
      }
      expect(round).toBeLessThan(20);
    }
    expect((await verify(weak.proof_id)).status).toBe(200);
  });
});
