/** Lists of keys come in parts with a bound, whoever made however many; nothing else reads them all. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Uuid } from "../../src/base/ids.js";
import { SequencerClient } from "../../src/client/sequencer-client.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

const AGENT_KEYS = 1100;

let service: TestService;
let agent: TestAgent;
let tenantId: Uuid;
let admin: string;

beforeAll(async () => {
  service = await startService();
  agent = await service.agent();
  tenantId = agent.tenantId;
  admin = await service.apiKey({ tenantId, permissions: "admin" });
  for (let made = 1; made < AGENT_KEYS; made += 50) {
    const count = Math.min(50, AGENT_KEYS - made);
    await Promise.all(Array.from({ length: count }, () => register({ keyId: null })));
  }
});
afterAll(() => service[Symbol.asyncDispose]());

function register(change: Record<string, unknown>): Promise<Answer> {
  return service.post("/api/v1/agents/keys", { ...agent.registration(), ...change }, admin);
}

/** All parts of a list, as a client asks for them. */
async function parts(path: string, key: string): Promise<Answer["json"][]> {
  const found: Answer["json"][] = [];
  for (let after = ""; ; ) {
    const { json, status, text } = await service.get(`${path}${after}`, key);
    expect(status, text).toBe(200);
    expect(json.count).toBe(json.keys.length);
    found.push(json);
    if (json.next === null) return found;
    after = `&after=${json.next}`;
  }
}

it("an agent's keys: each once, in order, a thousand at a time", async () => {
  const path = `/api/v1/agents/keys?tenant_id=${tenantId}&agent_id=${agent.agentId}`;
  const all = Array.from({ length: AGENT_KEYS }, (_, i) => i + 1);
  for (const [limit, counts] of [
    ["", [1000, 100]],
    ["&limit=5000", [1000, 100]],
    ["&limit=550", [550, 550]],
  ] as const) {
    const lists = await parts(`${path}${limit}`, admin);
    expect(lists.map(({ count }) => count)).toEqual(counts);
    expect(lists.flatMap(({ keys }) => keys.map((key: { keyId: number }) => key.keyId))).toEqual(all);
  }
  for (const after of ["", "1", "3.1", "1.x", "1.1.1", `1.${"9".repeat(11)}`]) {
    expectProblem(await service.get(`${path}&after=${after}`, admin), "INVALID_FIELD_VALUE");
  }
});

it("the client lists an agent's keys whole", async () => {
  const client = new SequencerClient({ url: service.url, apiKey: admin });
  const keys = await client.listAgentKeys({ tenantId, agentId: agent.agentId });
  expect(keys.map(({ keyId }) => keyId)).toEqual(Array.from({ length: AGENT_KEYS }, (_, i) => i + 1));
});

it("API keys: each once; a part ends early where its keys name many stores; none of another tenant", async () => {
  const other = uuid();
  const mine = [admin];
  const storeIds = Array.from({ length: 1000 }, uuid);
  for (let i = 0; i < 30; i++) mine.push(await service.apiKey({ tenantId, storeIds }));
  for (let i = 0; i < 5; i++) mine.push(await service.apiKey({ tenantId }));
  const foreign = await service.apiKey({ tenantId: other });
  const prefixes = mine.map(prefixOf).sort();

  const lists = await parts("/api/v1/admin/api-keys?limit=1000", admin);
  expect(lists.flatMap(({ keys }) => keys.map((key: { keyHashPrefix: string }) => key.keyHashPrefix))).toEqual(
    prefixes,
  );
  expect(lists.length).toBeGreaterThan(1);
  for (const list of lists) expect(JSON.stringify(list).length).toBeLessThan(1024 * 1024);
  const everybody = await parts("/api/v1/admin/api-keys?limit=7", service.adminKey);
  expect(everybody.flatMap(({ keys }) => keys)).toHaveLength(mine.length + 1);
  expectProblem(await service.get("/api/v1/admin/api-keys?after=abc", admin), "INVALID_FIELD_VALUE");

  const revoke = (key: string, by: string): Promise<Answer> =>
    service.request("DELETE", `/api/v1/admin/api-keys/${prefixOf(key)}`, { key: by });
  expectProblem(await revoke(foreign, admin), "RESOURCE_NOT_FOUND");
  for (const key of mine.slice(1)) expect((await revoke(key, admin)).json).toMatchObject({ active: false });
  expect((await revoke(foreign, service.adminKey)).status).toBe(200);
  expectProblem(await revoke(service.adminKey, service.adminKey), "RESOURCE_NOT_FOUND");
});

function prefixOf(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 16);
}
