/** The served documents are true: every route is in them and live answers satisfy their schemas. */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LegacyClient } from "../support/legacy-client.js";
import { type Answer, startService, type TestAgent, type TestService } from "../support/service.js";

interface Operation {
  readonly responses: { readonly "200": { readonly content: Record<string, { readonly schema: object }> } };
}

describe("documents", () => {
  let service: TestService;
  let agent: TestAgent;
  let openapi: { readonly paths: Record<string, Record<string, Operation>>; readonly components: object };

  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
    openapi = (await service.get("/openapi.json")).json;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  function check(method: string, path: string, answer: Answer): void {
    const schema = openapi.paths[path]![method]!.responses["200"].content["application/json"]!.schema;
    const ajv = new Ajv2020({ strict: false });
    (addFormats as unknown as (instance: Ajv2020) => void)(ajv);
    const validate = ajv.compile({ ...schema, components: openapi.components });
    expect(answer.status).toBe(200);
    expect(validate(answer.json), JSON.stringify(validate.errors)).toBe(true);
  }

  it("describe an ingest with receipts and rejections, and every read of it", async () => {
    const event = agent.sign();
    const forged = { ...agent.sign(), agent_signature: event.agent_signature };
    check("post", "/api/v1/ves/events/ingest", await agent.ingest([event, forged]));
    check("get", "/api/v1/log", await service.get("/api/v1/log"));
    const stream = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}`;
    check("get", "/api/v1/ves/events", await service.get(`/api/v1/ves/events?${stream}`));
    check("get", "/api/v1/ves/events/{event_id}", await service.get(`/api/v1/ves/events/${event.event_id}`));
    check("get", "/api/v1/head", await service.get(`/api/v1/head?${stream}`));
    const agentQuery = `tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`;
    check("get", "/api/v1/agents/keys", await service.get(`/api/v1/agents/keys?${agentQuery}`));
    await service.apiKey({ tenantId: agent.tenantId });
    check("get", "/api/v1/admin/api-keys", await service.get("/api/v1/admin/api-keys"));
    const range = { tenant_id: agent.tenantId, store_id: agent.storeId, sequence_start: 1, sequence_end: 1 };
    const made = await service.post("/api/v1/ves/commitments", range);
    check("post", "/api/v1/ves/commitments", made);
    check("get", "/api/v1/ves/commitments", await service.get(`/api/v1/ves/commitments?${stream}`));
    const commitment = await service.get(`/api/v1/ves/commitments/${made.json.batch_id}`);
    check("get", "/api/v1/ves/commitments/{batch_id}", commitment);
    const proof = await service.get(`/api/v1/ves/proofs/1?${stream}`);
    check("get", "/api/v1/ves/proofs/{sequence_number}", proof);
    const eventProof = await service.get(`/api/v1/ves/inclusion-proofs/${event.event_id}`);
    check("get", "/api/v1/ves/inclusion-proofs/{event_id}", eventProof);
    check("post", "/api/v1/ves/proofs/verify", await service.post("/api/v1/ves/proofs/verify", proof.json));
    await checkProofs(event.event_id, made.json.batch_id);
    for (const path of ["/health", "/ready", "/api/v1/sequencer"]) check("get", path, await service.get(path));
  });

  it("describe legacy events, their commitments and their proofs", async () => {
    const legacy = new LegacyClient(service);
    const command_id = "6a5f1f5c-2f0e-4d9a-9d6c-0a8f3f6b7c11";
    const full = legacy.event({ command_id, base_version: 0, signature: [1, 255], entity_id: "full" });
    check("post", "/api/v1/events/ingest", await legacy.ingest([full, legacy.event(), full]));
    check("get", "/api/v1/events", await service.get(`/api/v1/events?${legacy.query}`));
    const history = await service.get(`/api/v1/entities/order/full?${legacy.query}`);
    check("get", "/api/v1/entities/{entity_type}/{entity_id}", history);
    check("get", "/api/v1/log", await service.get(`/api/v1/log?${legacy.query}`));
    check("get", "/api/v1/head", await service.get(`/api/v1/head?${legacy.query}`));
    const made = await legacy.commit(1, 2);
    check("post", "/api/v1/commitments", made);
    check("get", "/api/v1/commitments", await service.get(`/api/v1/commitments?${legacy.query}`));
    const shown = await service.get(`/api/v1/commitments/${made.json.batch_id}`);
    check("get", "/api/v1/commitments/{batch_id}", shown);
    const proof = await service.get(`/api/v1/proofs/2?${legacy.query}`);
    check("get", "/api/v1/proofs/{sequence_number}", proof);
    check("post", "/api/v1/proofs/verify", await service.post("/api/v1/proofs/verify", proof.json));
  });

  async function checkProofs(eventId: string, batchId: string): Promise<void> {
    const kinds = [
      { base: "/api/v1/ves/compliance", id: "event_id", subject: eventId, more: { policyId: "aml.threshold" } },
      { base: "/api/v1/ves/validity", id: "batch_id", subject: batchId, more: {} },
    ];
    for (const { base, id, subject, more } of kinds) {
      const inputs = await service.get(`${base}/${subject}/inputs?policy_id=aml.threshold`);
      check("get", `${base}/{${id}}/inputs`, inputs);
      const body = { proofType: "opaque", proofB64: "AAAA", publicInputs: inputs.json.public_inputs, ...more };
      const stored = await service.post(`${base}/${subject}/proofs`, body);
      check("post", `${base}/{${id}}/proofs`, stored);
      check("post", `${base}-proofs`, await service.post(`${base}-proofs`, { ...body, [id]: subject }));
      check("get", `${base}/{${id}}/proofs`, await service.get(`${base}/${subject}/proofs`));
      const one = `${base}/proofs/${stored.json.proof_id}`;
      check("get", `${base}/proofs/{proof_id}`, await service.get(one));
      check("get", `${base}/proofs/{proof_id}/verify`, await service.get(`${one}/verify`));
    }
    const policy = { policyId: "aml.threshold" };
    const posted = await service.post(`/api/v1/ves/compliance/${eventId}/inputs`, policy);
    check("post", "/api/v1/ves/compliance/{event_id}/inputs", posted);
  }

  it("name only routes that exist, with their methods", async () => {
    for (const [path, methods] of Object.entries(openapi.paths)) {
      const concrete = path.replace(/\{[^}]+\}/g, "1");
      const refused = await service.request("PUT", concrete, { body: {} });
      expect(refused.status, path).toBe(405);
      const allowed = new Set(
        refused.headers
          .get("allow")!
          .split(/,\s*/)
          .filter((name) => name !== "HEAD"),
      );
      // `/agents/keys/revoke` is also `/agents/keys/{key_id}` with the id "revoke": its DELETE is that route's.
      if (path.endsWith("/revoke")) allowed.delete("DELETE");
      // Likewise `/proofs/verify` is `/proofs/{sequence_number}` for a GET.
      if (path.endsWith("/proofs/verify")) allowed.delete("GET");
      expect([...allowed].sort(), path).toEqual(
        Object.keys(methods)
          .map((name) => name.toUpperCase())
          .sort(),
      );
    }
  });

  it("resolve all their references", async () => {
    for (const document of [openapi, (await service.get("/asyncapi.json")).json]) {
      for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
        const target = pointer!
          .split("/")
          .reduce((node: unknown, key) => (node as Record<string, unknown>)?.[key], document);
        expect(target, pointer).toBeDefined();
      }
    }
  });
});
