/** Proofs through the SDK and `ves-stark prove-submit`, against a real service. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SequencerClient } from "../../src/client/index.js";
import { complianceStatement, parseComplianceInputs } from "../../src/stark/compliance-inputs.js";
import { complianceProofHash } from "../../src/stark/digest.js";
import type { ExactJsonObject } from "../../src/stark/exact-json.js";
import { proveCompliance } from "../../src/stark/prove.js";
import { commitAmount, commitmentToHex } from "../../src/stark/witness-commitment.js";
import { startService, type TestAgent, type TestService, uuid } from "../support/service.js";
import { validitySubmission } from "../support/stark-proofs.js";
import { newKernels } from "../unit/stark/fixtures.js";

const command = fileURLToPath(new URL("../../dist/src/cli/ves-stark.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "client-stark-proofs-"));
const kernels = newKernels();
const POLICY = { policyId: "aml.threshold", policyParams: { threshold: 10_000n } };

describe("proofs through the client", () => {
  let service: TestService;
  let agent: TestAgent;
  let client: SequencerClient;
  let eventId: string;
  let apiKey: string;

  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
    apiKey = await service.apiKey({ tenantId: agent.tenantId, permissions: "read_write" });
    client = new SequencerClient({ url: service.url, apiKey, retry: { attemptsMax: 1 } });
    const event = agent.sign();
    await agent.ingest([event]);
    eventId = event.event_id;
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function prove(publicInputs: ExactJsonObject, amount: bigint) {
    const witnessCommitment = commitmentToHex(commitAmount(kernels, amount));
    const statement = complianceStatement(parseComplianceInputs(publicInputs), witnessCommitment);
    return { proof: proveCompliance(kernels, amount, statement).proof, witnessCommitment };
  }

  it("compliance: inputs, submission, the same again, list, read, check", async () => {
    const { publicInputs, publicInputsHash } = await client.proofs.complianceInputs(eventId, POLICY);
    expect(publicInputs).toMatchObject({ eventId, sequenceNumber: 1n, policyParams: { threshold: 10_000n } });
    expect(publicInputsHash).toMatch(/^[0-9a-f]{64}$/);
    const { proof, witnessCommitment } = prove(publicInputs, 4321n);
    const submission = { eventId, ...POLICY, proof, witnessCommitment, publicInputs };
    const stored = await client.proofs.submitCompliance(submission);
    expect(stored).toMatchObject({
      kind: "compliance",
      subjectId: eventId,
      proofType: "stark",
      proofVersion: 2,
      proofHash: complianceProofHash(proof),
      securityBits: 119,
      publicInputs,
      proof: null,
    });
    expect(stored.statement).toContain("it hides nothing");
    expect(await client.proofs.submitCompliance(submission)).toEqual(stored);
    expect(await client.proofs.list("compliance", eventId)).toEqual([stored]);
    expect(await client.proofs.get("compliance", stored.proofId)).toEqual({ ...stored, proof });
    const check = await client.proofs.check("compliance", stored.proofId);
    expect(check).toMatchObject({ valid: true, reason: null, starkValid: true, starkError: null, securityBits: 119 });
    const other = prove(publicInputs, 1n);
    await expect(client.proofs.submitCompliance({ ...submission, ...other })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
      status: 409,
    });
    const changed = proof.slice();
    changed[30_000]! ^= 1;
    const wrong = { ...submission, proofType: "stark.wrong", proof: changed };
    await expect(client.proofs.submitCompliance(wrong)).rejects.toMatchObject({ code: "INVALID_FIELD_VALUE" });
    await expect(client.proofs.complianceInputs(uuid(), POLICY)).rejects.toMatchObject({ code: "EVENT_NOT_FOUND" });
  });

  it("validity: inputs, submission, check; u64 limbs come through whole", async () => {
    const admin = new SequencerClient({ url: service.url, apiKey: service.adminKey });
    await agent.ingest([agent.sign()]);
    const range = { tenant_id: agent.tenantId, store_id: agent.storeId, sequence_start: 1, sequence_end: 2 };
    const batchId = (await service.post("/api/v1/ves/commitments", range)).json.batch_id as string;
    const { publicInputs } = await admin.proofs.validityInputs(batchId);
    expect(publicInputs).toMatchObject({ batchId, leafCount: 2n });
    const made = validitySubmission(await service.get(`/api/v1/ves/validity/${batchId}/inputs`));
    const proof = new Uint8Array(Buffer.from(made.proofB64, "base64"));
    const batchPublicInputs = made.batchPublicInputs as unknown as ExactJsonObject;
    const stored = await admin.proofs.submitValidity({ batchId, proof, batchPublicInputs, publicInputs });
    expect(stored).toMatchObject({ kind: "validity", subjectId: batchId, publicInputs });
    expect(await admin.proofs.check("validity", stored.proofId)).toMatchObject({ valid: true, starkValid: true });
    expect(await admin.proofs.list("validity", batchId)).toEqual([stored]);
  });

  /** Not spawnSync: the service's own answers come through this process's pipes. */
  function submit(args: string, env: Record<string, string> = {}) {
    const all = { ...process.env, STATESET_API_KEY: apiKey, STATESET_SEQUENCER_URL: service.url, ...env };
    const child = spawn(process.execPath, [command, "prove-submit", ...args.split(" ")], { cwd: folder, env: all });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.on("close", (code) => resolve({ code, out, err }));
    });
  }

  it("prove-submit registers a proof, has it checked, writes the bundle, and repeats itself harmlessly", async () => {
    const bundle = join(folder, "bundle.json");
    const args = `-e ${eventId} -a 5000 -l 10000 -p order_total.cap --check --json -o bundle.json`;
    const done = await submit(args);
    expect([done.code, done.err]).toEqual([0, "warning: whoever may read this proof can compute the amount\n"]);
    const json = JSON.parse(done.out);
    expect(json).toMatchObject({ eventId, securityBits: 119, valid: true, reason: null });
    expect(JSON.parse(readFileSync(bundle, "utf8"))).toMatchObject({ proofHash: json.proofHash });
    const again = JSON.parse((await submit(args)).out);
    expect([again.proofId, again.proofHash]).toEqual([json.proofId, json.proofHash]);
    const intent = await submit(
      `-e ${eventId} -a 1 -l 9 -p agent.authorization.v1 --intent-hash ${"ab".repeat(32)} --json`,
    );
    expect(JSON.parse(intent.out)).toMatchObject({ eventId, securityBits: 119 });
    const text = await submit(`-e ${eventId} -a 1 -l 20000`);
    expect(text.out).toMatch(
      /^Proof [0-9a-f-]{36} of event [0-9a-f-]{36} registered \(\d+ bytes, verified, 119 bits\)\n$/,
    );
  });

  it.each([
    ["an amount above the policy", 4, "-a 10001 -l 10000 -p order_total.cap", {}],
    ["an unknown event", 5, `-a 1 -l 10000 -e ${uuid()}`, {}],
    ["a key the service does not know", 5, "-a 1 -l 10000", { STATESET_API_KEY: "ss_unknown" }],
    ["another amount under the same policy", 5, "-a 4000 -l 10000 -p order_total.cap", {}],
    ["no service", 6, "-a 1 -l 10000", { STATESET_SEQUENCER_URL: "http://127.0.0.1:9" }],
    ["no key", 2, "-a 1 -l 10000", { STATESET_API_KEY: "" }],
    ["no URL to speak of", 2, "-a 1 -l 10000", { STATESET_SEQUENCER_URL: "nowhere" }],
  ])("prove-submit says by its exit code: %s", async (_, code, args, env) => {
    const done = await submit(args.includes("-e ") ? args : `-e ${eventId} ${args}`, env);
    expect([done.code, done.out]).toEqual([code, ""]);
    expect(done.err).toMatch(/^error: /);
  });
});
