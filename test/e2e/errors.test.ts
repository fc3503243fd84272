import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROBLEMS } from "../../src/api/problem.js";
import type { ErrorCode } from "../../src/base/errors.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { connect } from "../support/live-socket.js";
import { expectProblem, type Refused } from "../support/problem.js";
import { sendRaw } from "../support/raw-http.js";
import { type Answer, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

/** Every refusal a client can provoke has its code, its status and one form, and tells nothing of the inside. */

const INGEST = "/api/v1/ves/events/ingest";
const LIMITS = {
  MAX_BODY_SIZE_BYTES: "65536",
  MAX_EVENTS_PER_BATCH: "3",
  MAX_EVENT_PAYLOAD_SIZE: "1000",
  SEQ_WS_MAX_CATCHUP_EVENTS: "2",
};

describe("errors", () => {
  let service: TestService;
  let agent: TestAgent;
  let event: EventEnvelope;
  const met = new Set<ErrorCode>();

  beforeAll(async () => {
    service = await startService(LIMITS);
    agent = await service.agent();
    for (let i = 0; i < 4; i++) await agent.ingest([agent.sign()]);
    event = agent.sign();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  function problem(answer: Refused, code: ErrorCode, detail?: string | RegExp): Record<string, unknown> {
    met.add(code);
    return expectProblem(answer, code, detail);
  }
  const post = (body: string | Uint8Array, headers: Record<string, string> = {}, path = INGEST): Promise<Refused> =>
    send("POST", path, { body: body as BodyInit, headers: { "content-type": "application/json", ...headers } });
  async function send(method: string, path: string, init: RequestInit = {}): Promise<Refused> {
    const headers = { authorization: `ApiKey ${service.adminKey}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(service.url + path, { ...init, method, headers });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
  const body = (events: string): string => `{"agentId":"${agent.agentId}","events":[${events}]}`;
  const edited = (name: string, json: string): string => {
    const text = JSON.stringify(event);
    const edit = text.replace(new RegExp(`"${name}":("[^"]*"|[0-9]+|\\{[^}]*\\})`), `"${name}":${json}`);
    return body(edit);
  };

  describe("JSON that is none: 400 INVALID_REQUEST_BODY", () => {
    it.each([
      ["nothing", ""],
      ["half of it", `{"agentId":"`],
      ["a bare word", "agentId"],
      ["single quotes", "{'agentId':1}"],
      ["a comment", "{/**/}"],
      ["a trailing comma", `{"agentId":"${randomUUID()}",}`],
      ["a byte order mark", "\ufeff{}"],
      ["NaN", `{"agentId":NaN}`],
      ["leading zero", `{"x":01}`],
      ["a raw control character", `{"x":"\u0001"}`],
      ["a lone surrogate escape", `{"x":"\\ud800"}`],
      ["a lone surrogate in a name", `{"\\udc00":1}`],
      ["a number past a double", `{"x":1e999}`],
      ["128 levels", `{"x":${"[".repeat(127)}${"]".repeat(127)}}`],
      ["20,000 levels", "[".repeat(20_000)],
    ])("%s", async (_, text) => {
      for (const path of [INGEST, "/api/v1/agents/keys", "/api/v1/admin/api-keys", "/api/v1/agents/keys/revoke"]) {
        const answer = await post(text, {}, path);
        problem(answer, "INVALID_REQUEST_BODY");
      }
    });

    it("something behind it", async () => {
      problem(await post(`${body(JSON.stringify(event))}{}`), "INVALID_REQUEST_BODY");
      problem(
        await post(`${JSON.stringify(agent.registration())},`, {}, "/api/v1/agents/keys"),
        "INVALID_REQUEST_BODY",
      );
    });

    it.each([
      ["a stray continuation byte", [0x22, 0x80, 0x22]],
      ["an overlong form", [0x22, 0xc0, 0xaf, 0x22]],
      ["an encoded surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
      ["a cut sequence", [0x22, 0xf0, 0x9f, 0x98, 0x22]],
      ["UTF-16", [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
    ])("no UTF-8: %s", async (_, bytes) => {
      const text = [Buffer.from('{"agentId":'), Buffer.from(bytes), Buffer.from("}")];
      problem(await post(Buffer.concat(text)), "INVALID_REQUEST_BODY");
      problem(await post(Buffer.concat(text), {}, "/api/v1/agents/keys"), "INVALID_REQUEST_BODY");
    });
  });

  describe("JSON of another shape: 422 UNPROCESSABLE_BODY with a pointer", () => {
    const cases: readonly [string, () => string, string | undefined][] = [
      ["an array", () => "[]", undefined],
      ["no agentId", () => `{"events":[]}`, undefined],
      ["no events", () => `{"agentId":"${agent.agentId}"}`, undefined],
      ["agentId twice", () => `{"agentId":"${agent.agentId}","agentId":"${agent.agentId}","events":[]}`, "/agentId"],
      ["agentId no UUID", () => `{"agentId":"x","events":[]}`, "/agentId"],
      ["events no array", () => `{"agentId":"${agent.agentId}","events":{}}`, "/events"],
      ["an event that is none", () => body("7"), "/events/0"],
      ["a second event that is none", () => body(`${JSON.stringify(event)},null`), "/events/1"],
      ["a missing member", () => body("{}"), "/events/0"],
      ["a member twice", () => body(JSON.stringify(event).replace("{", `{"ves_version":1,`)), "/events/0/ves_version"],
      [
        "escaped twin of a member",
        () => body(JSON.stringify(event).replace("{", `{"ves_v\\u0065rsion":1,`)),
        "/events/0/ves_version",
      ],
      ["ves_version 1.0", () => edited("ves_version", "1.0"), "/events/0/ves_version"],
      ["ves_version as text", () => edited("ves_version", `"1"`), "/events/0/ves_version"],
      ["ves_version 2^32", () => edited("ves_version", "4294967296"), "/events/0/ves_version"],
      ["ves_version -0", () => edited("ves_version", "-0"), "/events/0/ves_version"],
      ["ves_version 1e0", () => edited("ves_version", "1e0"), "/events/0/ves_version"],
      ["agent_key_id of 400 digits", () => edited("agent_key_id", "9".repeat(300)), "/events/0/agent_key_id"],
      ["payload_kind 2", () => edited("payload_kind", "2"), "/events/0/payload_kind"],
      ["hex too short", () => edited("payload_plain_hash", `"0xab"`), "/events/0/payload_plain_hash"],
      ["hex with a stranger", () => edited("agent_signature", `"${"g".repeat(128)}"`), "/events/0/agent_signature"],
      [
        "hex with wide digits",
        () => edited("payload_plain_hash", `"${"\uff11".repeat(64)}"`),
        "/events/0/payload_plain_hash",
      ],
      ["entity_id null", () => edited("entity_id", "null"), "/events/0/entity_id"],
      [
        "base_version 2^64",
        () => body(JSON.stringify(event).replace("{", `{"base_version":18446744073709551616,`)),
        "/events/0/base_version",
      ],
      [
        "base_version -1",
        () => body(JSON.stringify(event).replace("{", `{"base_version":-1,`)),
        "/events/0/base_version",
      ],
      [
        "sequenced_at no time",
        () => body(JSON.stringify(event).replace("{", `{"sequenced_at":"now",`)),
        "/events/0/sequenced_at",
      ],
      [
        "payload_encrypted half",
        () => body(JSON.stringify(event).replace("{", `{"payload_encrypted":{},`)),
        "/events/0/payload_encrypted",
      ],
      [
        "signature bundle a list",
        () => body(JSON.stringify(event).replace("{", `{"agent_signature_bundle":[],`)),
        "/events/0/agent_signature_bundle",
      ],
    ];
    it.each(cases)("%s", async (_, text, pointer) => {
      expect(problem(await post(text()), "UNPROCESSABLE_BODY").pointer).toBe(pointer);
    });
  });

  describe("requests whose members do not fit together", () => {
    const cases: readonly [string, () => unknown[], ErrorCode, string | RegExp][] = [
      ["empty", () => [], "INVALID_FIELD_VALUE", "events must not be empty"],
      [
        "mixed stores",
        () => [event, { ...event, store_id: uuid() }],
        "INVALID_FIELD_VALUE",
        "All events in a batch must share the same tenantId and storeId",
      ],
      ["mixed tenants", () => [event, { ...event, tenant_id: uuid() }], "INVALID_FIELD_VALUE", /share the same/],
      [
        "another agent",
        () => [{ ...event, source_agent_id: uuid() }],
        "INVALID_FIELD_VALUE",
        "event source_agent_id must match request agent_id",
      ],
      [
        "no payload",
        () => [{ ...event, payload: null }],
        "INVALID_FIELD_VALUE",
        /missing payload for plaintext payload_kind$/,
      ],
      [
        "no encrypted payload",
        () => [{ ...event, payload_kind: 1 }],
        "INVALID_FIELD_VALUE",
        /missing payload_encrypted for encrypted payload_kind$/,
      ],
      [
        "entity_type empty",
        () => [{ ...event, entity_type: "" }],
        "INVALID_FIELD_VALUE",
        /entity_type must be between 1 and 128 characters$/,
      ],
      [
        "entity_type of 129 bytes",
        () => [{ ...event, entity_type: `${"é".repeat(64)}x` }],
        "INVALID_FIELD_VALUE",
        /entity_type/,
      ],
      [
        "entity_id of 513 bytes",
        () => [{ ...event, entity_id: "x".repeat(513) }],
        "INVALID_FIELD_VALUE",
        /between 1 and 512/,
      ],
      [
        "event_type of 257 bytes",
        () => [{ ...event, event_type: "x".repeat(257) }],
        "INVALID_FIELD_VALUE",
        /between 1 and 256/,
      ],
      [
        "too many",
        () => [1, 2, 3, 4].map(() => agent.sign()),
        "BATCH_TOO_LARGE",
        "Batch exceeds max_events_per_batch (4 > 3)",
      ],
      ["far too many", () => Array(50).fill(event), "BATCH_TOO_LARGE", /max_events_per_batch/],
      [
        "a large payload",
        () => [{ ...event, payload: "x".repeat(999) }],
        "PAYLOAD_TOO_LARGE",
        /payload exceeds max_event_payload_size \(1001 > 1000\)$/,
      ],
    ];
    it.each(cases)("%s", async (_, events, code, detail) => {
      problem(await agent.ingest(events()), code, detail);
    });

    it("a credential of another agent, and the order of the checks", async () => {
      const { tenantId } = agent;
      const bound = await service.apiKey({ tenantId, agentId: uuid() });
      problem(await agent.ingest([event], bound), "INSUFFICIENT_PERMISSIONS", "Agent mismatch");
      problem(
        await agent.ingest([{ ...event, source_agent_id: uuid() }], bound),
        "INSUFFICIENT_PERMISSIONS",
        "Agent mismatch",
      );
      problem(await agent.ingest([event, { ...event, store_id: uuid() }], bound), "INVALID_FIELD_VALUE", /share/);
      const reader = await service.apiKey({ tenantId, permissions: "read" });
      problem(
        await agent.ingest(Array(4).fill(event), reader),
        "INSUFFICIENT_PERMISSIONS",
        "Write permission required",
      );
      problem(
        await agent.ingest([event], await service.apiKey({ tenantId: uuid() })),
        "INSUFFICIENT_PERMISSIONS",
        "Tenant access denied",
      );
      const elsewhere = await service.apiKey({ tenantId, storeIds: [uuid()] });
      problem(await agent.ingest([event], elsewhere), "INSUFFICIENT_PERMISSIONS", "Store access denied");
    });
  });

  it("takes what is odd but sound: NUL, astral characters, 124 levels, largest u64, ids in any spelling", async () => {
    const odd = [
      agent.sign({ entityId: "\0", payload: { "a\0b": "\u{10ffff}\0", "": [] } }),
      agent.sign({ entityType: "\u{1f4e6}".repeat(32), eventType: "\u2028\u007f\ufeff" }),
      agent.sign({ payload: JSON.parse(`${"[".repeat(124)}1${"]".repeat(124)}`) }),
    ];
    expect((await agent.ingest(odd)).json).toMatchObject({ eventsAccepted: 3 });
    const { entries } = (await service.get(`/api/v1/log?from_offset=4`)).json;
    expect(entries.map((entry: { event: unknown }) => entry.event)).toEqual(odd);
    const filter = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}&entity_id=%00`;
    expect((await service.get(`/api/v1/ves/events?${filter}`)).json.count).toBe(1);
    const spelled = {
      ...odd[0]!,
      event_id: `URN:UUID:${odd[0]!.event_id.toUpperCase()}`,
      tenant_id: `{${agent.tenantId}}`,
    };
    expect((await agent.ingest([spelled])).json.receipts).toHaveLength(1);
  });

  it("bodies that are too large: declared, chunked, and not read to the end", async () => {
    problem(await post("x".repeat(65_537)), "PAYLOAD_TOO_LARGE");
    const chunks = Array.from({ length: 8 }, () => Buffer.alloc(16_384, " "));
    const stream = Readable.toWeb(Readable.from(chunks));
    const init = { body: stream, duplex: "half", headers: { "content-type": "application/json" } } as RequestInit;
    problem(await send("POST", INGEST, init), "PAYLOAD_TOO_LARGE");
    const head = `POST ${INGEST} HTTP/1.1\r\nhost: x\r\nauthorization: ApiKey ${service.adminKey}\r\ncontent-type: application/json\r\n`;
    const declared = await sendRaw(service.process.port, `${head}content-length: 1000000\r\n\r\n{`);
    problem({ ...declared, status: declared.status! }, "PAYLOAD_TOO_LARGE");
  });

  it.each([undefined, "text/plain", "application/xml", "application/jsonp", "multipart/form-data"])(
    "media type %s: 415",
    async (type) => {
      const headers = type === undefined ? {} : { "content-type": type };
      const answer = await send("POST", INGEST, { body: Buffer.from("{}"), headers });
      problem(answer, "UNSUPPORTED_MEDIA_TYPE");
      problem(await post("{}", { "content-encoding": "gzip" }), "UNSUPPORTED_MEDIA_TYPE");
      problem(await post("{", { "content-type": "Application/Vnd.X+JSON; charset=utf-8" }), "INVALID_REQUEST_BODY");
    },
  );

  it("unknown routes, other methods, trailing slashes, HEAD", async () => {
    for (const path of [
      "/",
      "/api",
      "/api/v1/head/",
      "/api/v1//head",
      "/API/v1/head",
      "/api/v1/head/x",
      "/subscribe/",
      "/%2e%2e/etc/passwd",
    ]) {
      problem(await send("GET", path), "ROUTE_NOT_FOUND");
    }
    for (const [method, path, allow] of [
      ["GET", INGEST, "POST"],
      ["POST", "/api/v1/head", "GET, HEAD"],
      ["PATCH", "/api/v1/agents/keys", "GET, HEAD, POST"],
      ["PUT", "/api/v1/agent-keys/1", "DELETE"],
      ["DELETE", "/api/v1/agents/keys/revoke", "POST"],
      ["OPTIONS", "/api/v1/log", "GET, HEAD"],
      ["POST", "/subscribe", "GET"],
    ] as const) {
      const answer = await send(method, path);
      problem(answer, "METHOD_NOT_ALLOWED");
      expect(answer.headers.get("allow")).toBe(allow);
    }
    problem(await send("GET", "/subscribe"), "UPGRADE_REQUIRED");
    const head = await send("HEAD", "/api/v1/head");
    expect([head.status, head.text]).toEqual([200, ""]);
    const missing = await send("HEAD", "/nowhere");
    expect([missing.status, missing.text, missing.headers.get("x-error-code")]).toEqual([404, "", "ROUTE_NOT_FOUND"]);
  });

  it.each([
    ["/api/v1/head?tenant_id=x", "INVALID_FIELD_VALUE"],
    [`/api/v1/head?tenant_id=${randomUUID()}`, "MISSING_REQUIRED_FIELD"],
    [`/api/v1/head?tenant_id=${randomUUID()}&tenant_id=${randomUUID()}`, "INVALID_FIELD_VALUE"],
    ["/api/v1/ves/events", "MISSING_REQUIRED_FIELD"],
    ["/api/v1/ves/events/none", "INVALID_FIELD_VALUE"],
    ["/api/v1/ves/events/%zz", "INVALID_FIELD_VALUE"],
    [`/api/v1/ves/events/${randomUUID()}`, "EVENT_NOT_FOUND"],
    ["/api/v1/log?limit=0", "INVALID_FIELD_VALUE"],
    ["/api/v1/log?limit=-1", "INVALID_FIELD_VALUE"],
    ["/api/v1/log?limit=1&limit=2", "INVALID_FIELD_VALUE"],
    ["/api/v1/log?entity_id=%ff", "INVALID_FIELD_VALUE"],
    [`/api/v1/events?tenant_id=${randomUUID()}&store_id=${randomUUID()}&entity_type=%C3`, "INVALID_FIELD_VALUE"],
    ["/api/v1/entities/order/%ff", "INVALID_FIELD_VALUE"],
    ["/tlog/tile/%ff/000", "INVALID_FIELD_VALUE"],
    ["/api/v1/log?kind=event2", "INVALID_FIELD_VALUE"],
    ["/api/v1/log?from_offset=x", "CURSOR_MALFORMED"],
    ["/api/v1/log?from_offset=18446744073709551616", "CURSOR_MALFORMED"],
    ["/api/v1/log?from_offset=0&from_offset=1", "CURSOR_MALFORMED"],
    ["/api/v1/log?from_offset=18446744073709551615", "CURSOR_IN_FUTURE"],
    ["/api/v1/log?epoch=2", "LOG_MISMATCH"],
    [`/api/v1/log?log_id=${randomUUID()}`, "LOG_MISMATCH"],
    ["/api/v1/agents/keys", "MISSING_REQUIRED_FIELD"],
  ] as const)("GET %s: %s", async (path, code) => {
    problem(await send("GET", path), code);
  });

  it("refuses upgrades with the same codes", async () => {
    const headers = { authorization: `ApiKey ${service.adminKey}` };
    for (const [query, code] of [
      ["from_offset=0", "CURSOR_TOO_OLD"],
      ["from_offset=-1", "CURSOR_MALFORMED"],
      ["from_offset=99999", "CURSOR_IN_FUTURE"],
      ["epoch=9", "LOG_MISMATCH"],
      ["from_offset=4&batch=2", "INVALID_FIELD_VALUE"],
      ["tenant_id=x", "INVALID_FIELD_VALUE"],
      ["entity_id=%ff", "INVALID_FIELD_VALUE"],
    ] as const) {
      const { refusal } = await connect(`${service.wsUrl}/subscribe?${query}`, { headers });
      problem(refusal!, code);
    }
  });

  it("echoes a request id that is plain text, and makes one otherwise", async () => {
    expect((await send("GET", "/nowhere", { headers: { "x-request-id": "mine-1" } })).headers.get("x-request-id")).toBe(
      "mine-1",
    );
    const odd = await send("GET", "/nowhere", { headers: { "x-request-id": "x".repeat(129) } });
    expect(problem(odd, "ROUTE_NOT_FOUND").request_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("covers what the core can answer, each with the status its table gives", async () => {
    const key: Answer = await service.post("/api/v1/agents/keys", { ...agent.registration() });
    problem(key, "ALREADY_EXISTS");
    const revocation = { tenantId: agent.tenantId, agentId: agent.agentId, keyId: 99 };
    problem(await service.post("/api/v1/agents/keys/revoke", revocation), "AGENT_KEY_NOT_FOUND");
    problem(await service.request("DELETE", `/api/v1/admin/api-keys/${"0".repeat(16)}`), "RESOURCE_NOT_FOUND");
    problem(
      await service.post("/api/v1/agents/keys", { ...agent.registration(), publicKey: "x" }),
      "INVALID_PUBLIC_KEY",
    );
    const unproven = { ...agent.registration(), proofOfPossession: "x" };
    problem(await service.post("/api/v1/agents/keys", unproven), "INVALID_PROOF_OF_POSSESSION");
    problem(await send("GET", "/api/v1/head", { headers: { authorization: "" } }), "AUTH_REQUIRED");
    problem(await send("GET", "/api/v1/head", { headers: { authorization: "ss_x" } }), "INVALID_API_KEY");
    problem(await send("GET", "/api/v1/head", { headers: { authorization: "Bearer x" } }), "INVALID_TOKEN");
    const all = Object.keys(PROBLEMS) as ErrorCode[];
    expect([...met].filter((code) => !all.includes(code))).toEqual([]);
    expect(met.size).toBeGreaterThanOrEqual(24);
    expect(service.process.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});
