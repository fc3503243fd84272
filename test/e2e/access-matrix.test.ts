import { createHash, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHex } from "../../src/base/bytes.js";
import type { Uuid } from "../../src/base/ids.js";
import { signProofOfPossession } from "../../src/protocol/proof-of-possession.js";
import { type Holder, type Permission, RULES, verdict } from "../support/access-rules.js";
import { LegacyClient } from "../support/legacy-client.js";
import { connect } from "../support/live-socket.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, ed25519, startService, TestAgent, type TestService, uuid } from "../support/service.js";

/**
 * Every operation of the served OpenAPI document with every kind of credential (SEC-01, SEC-02, SEC-05): each cell is as
 * `support/access-rules.ts` says, and what is refused reads the same whether its target exists or never did.
 */

const JWT_SECRET = "a secret of more than thirty-two characters";

interface Sent {
  readonly path: string;
  readonly body?: unknown;
}

/** What requests are about: a stream of some other tenant's for most credentials, or ids that never were. */
interface Target {
  readonly agent: TestAgent;
  readonly legacy: LegacyClient;
  readonly eventId: Uuid;
  readonly batchId: Uuid;
  readonly legacyBatchId: Uuid;
  readonly complianceProofId: Uuid;
  readonly validityProofId: Uuid;
  readonly apiKeyPrefix: string;
}

const OPAQUE = { proofType: "opaque", proofB64: "AQID" };
const POLICY = { policyId: "a.policy" };
/** Registered beside the agent's first key, to be revoked. */
const SPARE_KEY = 2;

/** A request for each operation, in the order of the rules. */
const REQUESTS: Readonly<Record<string, (target: Target) => Sent>> = {
  "POST /api/v1/ves/events/ingest": ({ agent }) => ({
    path: "",
    body: { agentId: agent.agentId, events: [agent.sign()] },
  }),
  "GET /api/v1/ves/events": (target) => ({ path: streamQuery(target) }),
  "GET /api/v1/log": (target) => ({ path: streamQuery(target) }),
  "GET /api/v1/head": (target) => ({ path: streamQuery(target) }),
  "POST /api/v1/agents/keys": ({ agent }) => ({ path: "", body: registration(agent) }),
  "GET /api/v1/agents/keys": (target) => ({ path: agentQuery(target) }),
  "DELETE /api/v1/agents/keys/{key_id}": (target) => ({ path: agentQuery(target) }),
  "POST /api/v1/agents/keys/revoke": ({ agent: { tenantId, agentId } }) => ({
    path: "",
    body: { tenantId, agentId, keyId: SPARE_KEY },
  }),
  "POST /api/v1/agent-keys": ({ agent }) => ({ path: "", body: registration(agent) }),
  "GET /api/v1/agent-keys": (target) => ({ path: agentQuery(target) }),
  "DELETE /api/v1/agent-keys/{key_id}": (target) => ({ path: agentQuery(target) }),
  "POST /api/v1/admin/api-keys": ({ agent: { tenantId, storeId, agentId } }) => ({
    path: "",
    body: { tenantId, storeIds: [storeId], agentId, permissions: "read" },
  }),
  "GET /api/v1/admin/api-keys": ({ agent }) => ({ path: `?tenant_id=${agent.tenantId}` }),
  "POST /api/v1/events/ingest": ({ legacy, agent: { agentId } }) => ({
    path: "",
    body: { agent_id: agentId, events: [legacy.event({ source_agent: agentId })] },
  }),
  "GET /api/v1/events": (target) => ({ path: streamQuery(target) }),
  "GET /api/v1/entities/{entity_type}/{entity_id}": (target) => ({ path: streamQuery(target) }),
  "POST /api/v1/commitments": (target) => ({ path: "", body: range(target) }),
  "GET /api/v1/commitments": (target) => ({ path: streamQuery(target) }),
  "GET /api/v1/proofs/{sequence_number}": (target) => ({ path: streamQuery(target) }),
  "POST /api/v1/proofs/verify": () => ({ path: "", body: { ...PROOF, events_root: HASH } }),
  "POST /api/v1/ves/commitments": (target) => ({ path: "", body: range(target) }),
  "GET /api/v1/ves/commitments": (target) => ({ path: streamQuery(target) }),
  "GET /api/v1/ves/proofs/{sequence_number}": (target) => ({ path: streamQuery(target) }),
  "POST /api/v1/ves/proofs/verify": () => ({ path: "", body: { ...PROOF, merkle_root: HASH } }),
  "GET /api/v1/ves/compliance/{event_id}/inputs": () => ({ path: `?policy_id=${POLICY.policyId}` }),
  "POST /api/v1/ves/compliance/{event_id}/inputs": () => ({ path: "", body: POLICY }),
  "POST /api/v1/ves/compliance/{event_id}/proofs": () => ({ path: "", body: { ...OPAQUE, ...POLICY } }),
  "POST /api/v1/ves/compliance-proofs": ({ eventId }) => ({ path: "", body: { ...OPAQUE, ...POLICY, eventId } }),
  "POST /api/v1/ves/validity/{batch_id}/proofs": () => ({ path: "", body: OPAQUE }),
  "POST /api/v1/ves/validity-proofs": ({ batchId }) => ({ path: "", body: { ...OPAQUE, batchId } }),
};

const HASH = "00".repeat(32);
const PROOF = { leaf_hash: HASH, proof_path: [], leaf_index: 0 };

const streamQuery = ({ agent }: Target): string => `?tenant_id=${agent.tenantId}&store_id=${agent.storeId}`;
const agentQuery = ({ agent }: Target): string => `?tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`;
const range = ({ agent }: Target) => ({
  ...{ tenant_id: agent.tenantId, store_id: agent.storeId },
  ...{ sequence_start: 1, sequence_end: 1 },
});

/** Of a key nobody has registered yet, under the next free id. */
function registration({ tenantId, agentId }: TestAgent): Record<string, unknown> {
  const seed = randomBytes(32);
  const publicKey = ed25519.publicKey(seed);
  const proof = signProofOfPossession(publicKey, seed, ed25519);
  return { tenantId, agentId, publicKey: toHex(publicKey), proofOfPossession: toHex(proof) };
}

function requestOf(operation: string, target: Target): { method: string; path: string; body?: unknown } {
  const [method, pattern] = operation.split(" ") as [string, string];
  const ids: Readonly<Record<string, string>> = {
    event_id: target.eventId,
    batch_id: pattern.startsWith("/api/v1/ves") ? target.batchId : target.legacyBatchId,
    proof_id: pattern.includes("compliance") ? target.complianceProofId : target.validityProofId,
    key_id: String(SPARE_KEY),
    key_hash_prefix: target.apiKeyPrefix,
    ...{ sequence_number: "1", entity_type: "order", entity_id: "order-1" },
  };
  const { path, ...sent } = REQUESTS[operation]?.(target) ?? { path: "" };
  return { method, path: pattern.replace(/\{(\w+)\}/g, (_, name: string) => ids[name]!) + path, ...sent };
}

describe("access, cell by cell", () => {
  let service: TestService;
  let target: Target;
  let holders: Holder[];
  let documented: { name: string; isPublic: boolean }[];

  beforeAll(async () => {
    service = await startService({ JWT_SECRET, VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" });
    const { paths } = (await service.get("/openapi.json")).json;
    documented = Object.entries<Record<string, { security?: unknown[] }>>(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        name: `${method.toUpperCase()} ${path}`,
        isPublic: security?.length === 0,
      })),
    );
    target = await made();
    holders = await allHolders();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  async function made(): Promise<Target> {
    const agent = await service.agent();
    const { tenantId, storeId, agentId } = agent;
    const event = agent.sign();
    await agent.ingest([event]);
    const legacy = new LegacyClient(service, tenantId, storeId);
    await legacy.ingest([legacy.event()]);
    await service.post("/api/v1/agents/keys", { ...registration(agent), keyId: SPARE_KEY });
    const commit = async (path: string): Promise<Uuid> =>
      (await service.post(path, { tenant_id: tenantId, store_id: storeId, sequence_start: 1, sequence_end: 1 })).json
        .batch_id;
    const [batchId, legacyBatchId] = [await commit("/api/v1/ves/commitments"), await commit("/api/v1/commitments")];
    const eventId = event.event_id as Uuid;
    const compliance = await service.post("/api/v1/ves/compliance-proofs", { ...OPAQUE, ...POLICY, eventId });
    const validity = await service.post("/api/v1/ves/validity-proofs", { ...OPAQUE, batchId });
    const key = await service.apiKey({ tenantId, storeIds: [storeId], agentId, permissions: "read" });
    return {
      ...{ agent, legacy, eventId, batchId, legacyBatchId, apiKeyPrefix: prefixOf(key) },
      ...{ complianceProofId: compliance.json.proof_id, validityProofId: validity.json.proof_id },
    };
  }

  /** What never was, where the credential may know the tenant, store and agent: its own. */
  function ghost({ isTenant, isStore }: Holder): Target {
    const { agent } = target;
    const tenantId = isTenant ? agent.tenantId : uuid();
    const storeId = isTenant && isStore ? agent.storeId : uuid();
    return {
      agent: new TestAgent(service, tenantId, storeId, agent.agentId),
      legacy: new LegacyClient(service, tenantId, storeId),
      ...{ eventId: uuid(), batchId: uuid(), legacyBatchId: uuid() },
      ...{ complianceProofId: uuid(), validityProofId: uuid(), apiKeyPrefix: randomBytes(8).toString("hex") },
    };
  }

  const PRESETS = { read: ["read"], read_write: ["read", "write"], admin: ["read", "write", "admin"] } as const;

  async function allHolders(): Promise<Holder[]> {
    const all: Holder[] = [];
    const opens = { refusal: null, isBootstrap: false, isTenant: true, isStore: true, agent: "any" } as const;
    const shut = { ...opens, permissions: [] };
    const { tenantId, storeId, agentId } = target.agent;
    for (const isTenant of [true, false]) {
      for (const [preset, permissions] of Object.entries(PRESETS)) {
        for (const stores of ["all", "one", "other"] as const) {
          for (const agent of ["any", "own", "other"] as const) {
            const key = await service.apiKey({
              tenantId: isTenant ? tenantId : uuid(),
              storeIds: stores === "all" ? [] : [stores === "one" ? storeId : uuid(), uuid()],
              agentId: agent === "any" ? null : agent === "own" ? agentId : uuid(),
              permissions: preset,
            });
            const name = `${preset} key, ${isTenant ? "own" : "other"} tenant, ${stores} stores, ${agent} agent`;
            const place = { isTenant, isStore: stores !== "other", agent };
            all.push({ ...opens, ...place, name, permissions, authorization: `ApiKey ${key}` });
          }
        }
      }
    }
    const every: readonly Permission[] = ["read", "write", "admin"];
    for (let mask = 0; mask < 8; mask++) {
      const permissions = every.filter((_, bit) => (mask & (1 << bit)) !== 0);
      const name = `token with "${permissions}"`;
      all.push({ ...opens, name, permissions, authorization: await token({ perms: permissions.join(",") }) });
    }
    const permissions = every;
    const nil = "00000000-0000-0000-0000-000000000000";
    for (const sub of [uuid(), nil]) {
      const authorization = await token({ sub, perms: "read,write,admin" });
      all.push({ ...opens, name: `token of ${sub}`, permissions, isTenant: false, authorization });
    }
    all.push({
      ...{ ...opens, name: "bootstrap", permissions, isBootstrap: true },
      authorization: `ApiKey ${service.adminKey}`,
    });
    const revoked = await service.apiKey({ tenantId, permissions: "admin" });
    await service.request("DELETE", `/api/v1/admin/api-keys/${prefixOf(revoked)}`);
    const expired = await token({ perms: "read,write,admin", exp: Math.floor(Date.now() / 1000) - 90 });
    const foreign = await token({ perms: "read,write,admin" }, `${JWT_SECRET}!`);
    return [
      ...all,
      { ...shut, name: "nobody", refusal: "AUTH_REQUIRED", authorization: null },
      { ...shut, name: "unknown key", refusal: "INVALID_API_KEY", authorization: `ApiKey ss_${"x".repeat(40)}` },
      { ...shut, name: "revoked key", refusal: "INVALID_API_KEY", authorization: `ApiKey ${revoked}` },
      { ...shut, name: "expired token", refusal: "TOKEN_EXPIRED", authorization: expired },
      { ...shut, name: "token of another secret", refusal: "INVALID_TOKEN", authorization: foreign },
    ];
  }

  async function token(claims: Record<string, unknown>, secret = JWT_SECRET): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const standard = { sub: target.agent.tenantId, iss: "stateset-sequencer", aud: "stateset-api", jti: uuid() };
    const payload = { ...standard, iat: now, nbf: now - 1, exp: now + 600, ...claims };
    const text = await new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
    return `Bearer ${text}`;
  }

  async function ask(operation: string, { authorization }: Holder, about: Target): Promise<Answer> {
    const { method, path, body } = requestOf(operation, about);
    const headers: Record<string, string> = authorization === null ? {} : { authorization };
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(service.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: null };
  }

  it("has a rule for every documented operation behind a credential, and for no other", () => {
    const guarded = documented.filter(({ isPublic }) => !isPublic).map(({ name }) => name);
    expect(Object.keys(RULES).sort()).toEqual(guarded.sort());
    for (const name of Object.keys(REQUESTS)) expect(RULES[name], name).toBeDefined();
  });

  it.each(Object.keys(RULES))("%s", async (operation) => {
    const rule = RULES[operation]!;
    const before = (await service.get("/api/v1/head")).json.next_offset;
    let accepted = 0;
    for (const holder of holders) {
      const expected = verdict(rule, holder);
      const answer = await ask(operation, holder, target);
      if (expected === null) {
        expect(answer.status, `${holder.name}: ${answer.text}`).toBe(200);
        if (operation.endsWith("/ingest")) accepted += 1;
        continue;
      }
      expect(answer.status, `${holder.name}: ${answer.text}`).not.toBe(200);
      const refused = expectProblem(answer, expected);
      const absent = expectProblem(await ask(operation, holder, ghost(holder)), expected);
      // Nothing of a refusal tells that there is a target: not its text, not a member more.
      expect({ ...refused, request_id: "" }, holder.name).toEqual({ ...absent, request_id: "" });
    }
    // Whoever was refused has left nothing.
    expect((await service.get("/api/v1/head")).json.next_offset).toBe(before + accepted);
  });

  it.each(["/subscribe", "/ws/subscribe"])(
    "a subscription on %s is judged as the pages of the log are",
    async (path) => {
      for (const holder of holders) {
        const headers: Record<string, string> =
          holder.authorization === null ? {} : { authorization: holder.authorization };
        const ask = async (about: Target) => connect(`${service.wsUrl}${path}${streamQuery(about)}`, { headers });
        const socket = await ask(target);
        const expected = verdict(RULES["GET /api/v1/log"]!, holder);
        expect(socket.status === 101, holder.name).toBe(expected === null);
        if (expected === null) socket.close();
        else {
          const refused = expectProblem(socket.refusal!, expected);
          const absent = expectProblem((await ask(ghost(holder))).refusal!, expected);
          expect({ ...refused, request_id: "" }, holder.name).toEqual({ ...absent, request_id: "" });
        }
      }
    },
  );

  it("lists API keys to admins of a store or an agent as far as they may mint and revoke them", async () => {
    const { tenantId, storeId, agentId } = target.agent;
    for (const holder of holders.filter((each) => each.isTenant && each.permissions.includes("admin"))) {
      const answer = await ask("GET /api/v1/admin/api-keys", holder, target);
      const keys: { storeIds: Uuid[]; agentId: Uuid | null }[] = JSON.parse(answer.text).keys;
      expect(keys.length, holder.name).toBeGreaterThan(0);
      if (holder.name.includes("one stores")) for (const key of keys) expect(key.storeIds).toContain(storeId);
      if (holder.name.includes("other stores")) for (const key of keys) expect(key.storeIds).not.toContain(storeId);
      if (holder.agent === "own") for (const key of keys) expect(key.agentId).toBe(agentId);
      if (holder.agent === "other") for (const key of keys) expect([null, agentId]).not.toContain(key.agentId);
    }
    const all = (await service.get(`/api/v1/admin/api-keys?tenant_id=${tenantId}`)).json.keys;
    expect(all.some((key: { storeIds: Uuid[] }) => key.storeIds.length === 0)).toBe(true);
  });

  it("shows what is public to everybody alike, whatever they send along", async () => {
    for (const { name } of documented.filter(({ isPublic }) => isPublic)) {
      const path = name
        .split(" ")[1]!
        .replace("{level}", "0")
        .replace("{index}", "000.p/1")
        .replace(/inclusion$/, "inclusion?offset=0&size=1")
        .replace(/consistency$/, "consistency?from=1&to=1");
      const statuses = new Set<number>();
      for (const holder of holders.filter(({ refusal, isTenant }) => refusal !== null || !isTenant)) {
        const headers: Record<string, string> =
          holder.authorization === null ? {} : { authorization: holder.authorization };
        statuses.add((await fetch(service.url + path, { headers })).status);
      }
      expect([name, ...statuses]).toEqual([name, 200]);
    }
  });
});

function prefixOf(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 16);
}
