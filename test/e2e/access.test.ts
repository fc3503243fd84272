import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/base/errors.js";
import type { Uuid } from "../../src/base/ids.js";
import { connect, type LiveSocket } from "../support/live-socket.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

/** Who may touch what: credentials, two tenants by two stores by scopes, minting, revocation (SEC-01, SEC-05, SEC-06). */

interface Stream {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly agent: TestAgent;
  readonly eventId: string;
}

type Permission = "read" | "read_write" | "admin";

interface Credential {
  readonly name: string;
  readonly key: string;
  readonly permission: Permission;
  readonly tenantId: Uuid;
  readonly storeIds: readonly Uuid[];
  readonly agentId: Uuid | null;
}

describe("access", () => {
  let service: TestService;
  let streams: Stream[];
  let credentials: Credential[];

  beforeAll(async () => {
    service = await startService();
    streams = [];
    for (let tenant = 0; tenant < 2; tenant++) {
      const tenantId = uuid();
      for (let store = 0; store < 2; store++) {
        const agent = await service.agent({ tenantId });
        const event = agent.sign();
        await agent.ingest([event]);
        streams.push({ tenantId, storeId: agent.storeId, agent, eventId: event.event_id });
      }
    }
    credentials = await mintAll();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  async function mintAll(): Promise<Credential[]> {
    const minted: Credential[] = [];
    const add = async (stream: Stream, permission: Permission, isScoped: boolean, isBound: boolean): Promise<void> => {
      const { tenantId, storeId, agent } = stream;
      const storeIds = isScoped ? [storeId] : [];
      const agentId = isBound ? agent.agentId : null;
      const key = await service.apiKey({ tenantId, storeIds, agentId, permissions: permission });
      const name = `${permission}${isScoped ? " of one store" : ""}${isBound ? " of one agent" : ""}`;
      minted.push({ name, key, permission, tenantId, storeIds, agentId });
    };
    for (const stream of streams) {
      for (const permission of ["read", "read_write", "admin"] as const) {
        await add(stream, permission, true, false);
        await add(stream, permission, false, false);
      }
      await add(stream, "read_write", true, true);
    }
    return minted;
  }

  const sees = (credential: Credential, { tenantId, storeId }: Stream): boolean =>
    credential.tenantId === tenantId && (credential.storeIds.length === 0 || credential.storeIds.includes(storeId));

  function expectAnswer(answer: Answer, isAllowed: boolean, code: ErrorCode = "INSUFFICIENT_PERMISSIONS"): void {
    if (isAllowed) expect(answer.status, answer.text).toBe(200);
    else expectProblem(answer, code);
  }

  it("reads: streams, heads, events by id and agents' keys stay with their tenant and stores", async () => {
    for (const credential of credentials) {
      for (const stream of streams) {
        const isMine = sees(credential, stream);
        const query = `tenant_id=${stream.tenantId}&store_id=${stream.storeId}`;
        expectAnswer(await service.get(`/api/v1/ves/events?${query}`, credential.key), isMine);
        expectAnswer(await service.get(`/api/v1/head?${query}`, credential.key), isMine);
        expectAnswer(await service.get(`/api/v1/log?${query}`, credential.key), isMine);
        expectAnswer(
          await service.get(`/api/v1/ves/events/${stream.eventId}`, credential.key),
          isMine,
          "EVENT_NOT_FOUND",
        );
        const keys = `tenant_id=${stream.tenantId}&agent_id=${stream.agent.agentId}`;
        const isMyTenant = credential.tenantId === stream.tenantId;
        for (const path of ["/api/v1/agents/keys", "/api/v1/agent-keys"]) {
          expectAnswer(await service.get(`${path}?${keys}`, credential.key), isMyTenant);
        }
      }
    }
  });

  it("somebody else's event and an event that never was look the same", async () => {
    const { key, tenantId } = credentials[0]!;
    const foreign = streams.find((stream) => stream.tenantId !== tenantId)!;
    const bodies = await Promise.all(
      [foreign.eventId, uuid()].map(async (id) => {
        const body = expectProblem(await service.get(`/api/v1/ves/events/${id}`, key), "EVENT_NOT_FOUND");
        return { ...body, request_id: "" };
      }),
    );
    expect(bodies[0]).toEqual(bodies[1]);
  });

  it("log pages and subscriptions show exactly what the credential covers, whatever they ask for", async () => {
    for (const credential of credentials) {
      const mine = streams.filter((stream) => sees(credential, stream)).map(({ eventId }) => eventId);
      const page = await service.get("/api/v1/log?limit=1000", credential.key);
      expect(eventIds(page.json.entries).sort()).toEqual([...mine].sort());
      for (const filter of ["", "&entity_type=order", `&tenant_id=${credential.tenantId}`]) {
        const socket = await subscribe(credential.key, filter);
        await socket.heard(mine.length);
        await service.get("/api/v1/head", credential.key);
        expect(eventIds(socket.entries).sort()).toEqual([...mine].sort());
        socket.close();
      }
    }
  });

  it("a subscription that asks for another tenant or store is refused before the upgrade", async () => {
    for (const credential of credentials) {
      for (const stream of streams.filter((one) => !sees(credential, one))) {
        const filter = `&tenant_id=${stream.tenantId}&store_id=${stream.storeId}`;
        const { refusal } = await subscribe(credential.key, filter);
        expectProblem(refusal!, "INSUFFICIENT_PERMISSIONS");
        // Naming a foreign store alone stays inside the credential's own tenant: nothing is there.
        const page = await service.get(`/api/v1/log?store_id=${stream.storeId}`, credential.key);
        if (page.status === 200) expect(page.json.entries).toEqual([]);
        else expectProblem(page, "INSUFFICIENT_PERMISSIONS");
      }
    }
  });

  it("writes: only with write permission, in the credential's tenant, stores and agent", async () => {
    for (const credential of credentials) {
      for (const { agent, ...stream } of streams) {
        const isAgentMine = credential.agentId === null || credential.agentId === agent.agentId;
        const mayWrite = credential.permission !== "read" && sees(credential, { agent, ...stream }) && isAgentMine;
        expectAnswer(await agent.ingest([agent.sign()], credential.key), mayWrite);
      }
    }
  });

  it("agent keys: registered and revoked by admins of the tenant and by the bound agent itself", async () => {
    for (const credential of credentials) {
      for (const { tenantId, agent } of streams) {
        const isAdmin = credential.permission === "admin" && credential.tenantId === tenantId;
        const isSelf = credential.agentId === agent.agentId;
        const newKey = { ...agent.registration(), keyId: null };
        const registered = await service.post("/api/v1/agents/keys", newKey, credential.key);
        expectAnswer(registered, isAdmin || isSelf);
        const revocation = { tenantId, agentId: agent.agentId, keyId: registered.json.keyId ?? 1 };
        expectAnswer(await service.post("/api/v1/agents/keys/revoke", revocation, credential.key), isAdmin || isSelf);
        const query = `tenant_id=${tenantId}&agent_id=${agent.agentId}`;
        const path = `/api/v1/agent-keys/${revocation.keyId}?${query}`;
        expectAnswer(await service.request("DELETE", path, { key: credential.key }), isAdmin || isSelf);
      }
    }
  });

  it("metrics and other tenants' API keys are the bootstrap admin's alone", async () => {
    for (const credential of credentials) {
      expectProblem(await service.get("/metrics", credential.key), "INSUFFICIENT_PERMISSIONS");
      for (const { tenantId } of streams) {
        const listed = await service.get(`/api/v1/admin/api-keys?tenant_id=${tenantId}`, credential.key);
        expectAnswer(listed, credential.permission === "admin" && credential.tenantId === tenantId);
      }
      const own = await service.get("/api/v1/admin/api-keys", credential.key);
      expectAnswer(own, credential.permission === "admin");
      if (own.status === 200) {
        for (const key of own.json.keys) expect(key.tenantId).toBe(credential.tenantId);
        expect(own.text).not.toContain("ss_");
      }
      const foreign = credentials.find((other) => other.tenantId !== credential.tenantId)!;
      const revoked = await revokeApiKey(foreign.key, credential.key);
      expectAnswer(
        revoked,
        false,
        credential.permission === "admin" ? "RESOURCE_NOT_FOUND" : "INSUFFICIENT_PERMISSIONS",
      );
    }
    expect((await service.get("/metrics")).status).toBe(200);
  });

  it("minting never widens: not the tenant, the stores or the agent", async () => {
    const mint = (body: Record<string, unknown>, key: string): Promise<Answer> =>
      service.post("/api/v1/admin/api-keys", body, key);
    const [here, sibling, elsewhere] = streams as [Stream, Stream, Stream, Stream];
    const { tenantId, storeId } = here;
    for (const permissions of ["read", "read_write", "admin"]) {
      for (const { key, permission } of credentials.filter((one) => one.tenantId === tenantId)) {
        expectAnswer(
          await mint({ tenantId, storeIds: [storeId], permissions }, key),
          permission === "admin" && mayUse(key),
        );
      }
    }
    const scoped = await service.apiKey({ tenantId, storeIds: [storeId], permissions: "admin" });
    for (const storeIds of [null, [], [sibling.storeId], [storeId, sibling.storeId], [elsewhere.storeId]]) {
      expectProblem(await mint({ tenantId, storeIds }, scoped), "INSUFFICIENT_PERMISSIONS", /store scope/);
    }
    const bound = await service.apiKey({ tenantId, agentId: here.agent.agentId, permissions: "admin" });
    for (const agentId of [null, sibling.agent.agentId, uuid()]) {
      expectProblem(await mint({ tenantId, agentId }, bound), "INSUFFICIENT_PERMISSIONS", /agent scope/);
    }
    expectProblem(await mint({ tenantId: elsewhere.tenantId }, scoped), "INSUFFICIENT_PERMISSIONS");
    const nil = "00000000-0000-0000-0000-000000000000";
    expectProblem(await mint({ tenantId: nil, permissions: "admin" }, scoped), "INSUFFICIENT_PERMISSIONS");
    expectProblem(await mint({ tenantId: nil, permissions: "admin" }, service.adminKey), "INVALID_FIELD_VALUE");
  });

  const mayUse = (key: string): boolean => {
    const { storeIds, agentId } = credentials.find((one) => one.key === key)!;
    return agentId === null && (storeIds.length === 0 || storeIds.includes(streams[0]!.storeId));
  };

  it("names of built-in members are no permissions", async () => {
    for (const permissions of ["constructor", "toString", "__proto__", "hasOwnProperty", "owner", ""]) {
      const answer = await service.post("/api/v1/admin/api-keys", { tenantId: uuid(), permissions });
      expect(expectProblem(answer, "UNPROCESSABLE_BODY").pointer).toBe("/permissions");
    }
    const storeIds = Array.from({ length: 1001 }, uuid);
    expectProblem(await service.post("/api/v1/admin/api-keys", { tenantId: uuid(), storeIds }), "UNPROCESSABLE_BODY");
    expect((await service.get("/ready")).status).toBe(200);
  });

  it("a revoked API key stops at once: requests, and its open subscriptions with 1008", async () => {
    for (let round = 0; round < 10; round++) {
      const { agent, tenantId } = streams[round % streams.length]!;
      const key = await service.apiKey({ tenantId });
      const sockets = await Promise.all([subscribe(key), subscribe(key), subscribe(service.adminKey)]);
      const late: Promise<LiveSocket>[] = [];
      // Fewer than there may be subscribers, however long a busy machine takes to revoke.
      const opening = setInterval(() => late.length < 40 && late.push(subscribe(key)), 1);
      await new Promise((next) => setTimeout(next, 5));
      const revoked = await revokeApiKey(key, service.adminKey);
      clearInterval(opening);
      expect(revoked.json).toMatchObject({ success: true, active: false });
      expectProblem(await service.get("/api/v1/head", key), "INVALID_API_KEY");
      expectProblem(await agent.ingest([agent.sign()], key), "INVALID_API_KEY");
      for (const socket of sockets.slice(0, 2)) {
        expect(await socket.closed).toEqual({ code: 1008, reason: "INVALID_API_KEY" });
      }
      // Whatever was being opened meanwhile was refused or is ended: none stays open.
      for (const socket of await Promise.all(late)) {
        if (socket.status === 101) expect((await socket.closed).code).toBe(1008);
        else expectProblem(socket.refusal!, "INVALID_API_KEY");
      }
      sockets[2]!.close();
    }
  });

  function subscribe(key: string, filter = ""): Promise<LiveSocket> {
    const headers = { authorization: `ApiKey ${key}` };
    return connect(`${service.wsUrl}/subscribe?from_offset=0${filter}`, { headers });
  }

  function revokeApiKey(key: string, by: string): Promise<Answer> {
    const prefix = createHash("sha256").update(key).digest("hex").slice(0, 16);
    return service.request("DELETE", `/api/v1/admin/api-keys/${prefix}`, { key: by });
  }
});

function eventIds(entries: readonly { readonly event: { readonly event_id: string } }[]): string[] {
  return entries.map((entry) => entry.event.event_id);
}
