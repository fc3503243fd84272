import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isGoodRefusal } from "../support/fuzz/fuzz-stream.js";
import { HttpClient } from "../support/fuzz/http-client.js";
import { mutateBytes, mutateText } from "../support/fuzz/mutate-bytes.js";
import { Random } from "../support/fuzz/random.js";
import { sendRaw } from "../support/raw-http.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, type TestService, uuid } from "../support/service.js";

/**
 * Everything but envelopes: key and admin routes, paths, queries, headers, raw bytes. Whatever is sent, the service
 * answers 200 or a whole problem below 500, or closes; it logs no failure and goes on. FUZZ_REQUESTS = how many of each.
 */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 400);

describe(`${REQUESTS} mutated requests of each kind, seed ${TEST_SEED}`, { timeout: 180_000 + REQUESTS * 50 }, () => {
  let service: TestService;
  let client: HttpClient;
  let agent: TestAgent;
  const random = new Random(TEST_SEED);

  beforeAll(async () => {
    service = await startService();
    client = new HttpClient(service.process.port, service.adminKey, 4);
    agent = await service.agent();
    await agent.ingest([agent.sign()]);
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await service[Symbol.asyncDispose]();
  });

  async function expectSound(
    method: string,
    path: string,
    body?: Uint8Array,
    headers?: Record<string, string>,
  ): Promise<number> {
    const answer = await client.send(method, path, body, headers);
    const isFine = answer.status === 200 || (method === "HEAD" && answer.status < 500) || isGoodRefusal(answer);
    expect(
      isFine,
      `${method} ${path} ${body && Buffer.from(body).toString("base64")}: ${answer.status} ${answer.text}`,
    ).toBe(true);
    return answer.status;
  }

  async function expectAlive(): Promise<void> {
    expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
    expect(service.process.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  }

  it("bodies of the key and admin routes", async () => {
    const { tenantId, agentId } = agent;
    const bodies: [string, Record<string, unknown>][] = [
      [
        "/api/v1/agents/keys",
        {
          ...agent.registration(),
          validFrom: "2025-01-01T00:00:00Z",
          validTo: "2035-01-01T00:00:00Z",
          keyAlgorithm: 1,
        },
      ],
      [
        "/api/v1/agent-keys",
        {
          tenant_id: tenantId,
          agent_id: agentId,
          key_algorithm: 2,
          signing_key_id: 1,
          public_key: "ab".repeat(32),
          proof_of_possession: "cd".repeat(64),
        },
      ],
      ["/api/v1/agents/keys/revoke", { tenantId, agentId: uuid(), keyId: 1, reason: "x", keyAlgorithm: 0 }],
      ["/api/v1/admin/api-keys", { tenantId, storeIds: [uuid()], agentId, permissions: "read", label: "x" }],
    ];
    const values = [
      null,
      true,
      -1,
      0,
      2147483647,
      4294967296,
      1.5,
      "",
      "\0",
      "constructor",
      "toString",
      "__proto__",
      [],
      {},
      [[]],
      uuid(),
      "9999-12-31T23:59:60-23:59",
      "0000-01-01T00:00:00+23:59",
      "x".repeat(300),
    ];
    const statuses = new Map<number, number>();
    for (let i = 0; i < REQUESTS; i++) {
      const [path, given] = random.pick(bodies);
      const edited = { ...given, keyId: "keyId" in given && random.chance(0.5) ? null : given.keyId };
      if (random.chance(0.6)) Object.assign(edited, { [random.pick(Object.keys(edited))]: random.pick(values) });
      const text = JSON.stringify(edited);
      const body = random.chance(0.4)
        ? Buffer.from(text)
        : random.chance(0.5)
          ? Buffer.from(mutateText(text, random))
          : mutateBytes(Buffer.from(text), random);
      const status = await expectSound("POST", path, body);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(statuses.get(200)).toBeGreaterThan(0);
    await expectAlive();
  });

  it("paths and queries", async () => {
    const stream = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}`;
    const paths = [
      `/api/v1/log?from_offset=0&limit=5&${stream}&entity_type=order&kind=ves_event`,
      `/api/v1/head?${stream}`,
      `/api/v1/ves/events?${stream}&from=1&limit=2&event_type=x&entity_id=y`,
      `/api/v1/ves/events/${uuid()}?x=1`,
      `/api/v1/agents/keys?tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`,
      `/api/v1/agent-keys/7?tenant_id=${agent.tenantId}&agent_id=${agent.agentId}&key_algorithm=2`,
      "/api/v1/admin/api-keys/0123456789abcdef?x",
      "/subscribe?from_offset=0&log_id=1&epoch=1&batch=1",
    ];
    const pieces = [
      "%",
      "%00",
      "%zz",
      "%ff",
      "%ed%a0%80",
      "&",
      "=",
      "?",
      "/",
      "//",
      "..",
      "#",
      "+",
      ";",
      "0",
      "-1",
      "99999999999999999999",
      "1e3",
      "'",
      '"',
      "{}",
      "[]",
      "__proto__",
      "%F0%9F%98%80",
      "limit=0&",
      "x".repeat(2000),
    ];
    for (let i = 0; i < REQUESTS; i++) {
      let path = random.pick(paths);
      for (let edits = 1 + random.below(3); edits > 0; edits--) {
        const at = 1 + random.below(path.length);
        path = path.slice(0, at) + (random.chance(0.7) ? random.pick(pieces) : "") + path.slice(at + random.below(6));
      }
      await expectSound(random.pick(["GET", "GET", "GET", "HEAD", "DELETE", "POST", "PUT", "OPTIONS"]), path);
    }
    await expectAlive();
  });

  it("headers", async () => {
    const values = [
      "",
      " ",
      "ApiKey",
      "ApiKey ss_",
      `ApiKey ss_${"x".repeat(4000)}`,
      "Bearer a.b.c",
      "Bearer eyJhbGciOiJub25lIn0.e30.",
      "Basic Og==",
      "ss_\xff",
      "ss_x, ss_y",
      "\t",
      "application/json;;;",
      "multipart/json",
      "*/*",
      "0",
      "identity, gzip",
      "x".repeat(6000),
      "websocket",
      "13",
    ];
    const names = [
      "authorization",
      "x-api-key",
      "content-type",
      "content-encoding",
      "x-request-id",
      "accept",
      "accept-encoding",
      "x-forwarded-for",
      "sec-websocket-version",
      "sec-websocket-protocol",
      "sec-websocket-key",
      "cookie",
      "origin",
      "range",
      "if-none-match",
    ];
    for (let i = 0; i < REQUESTS; i++) {
      const headers: Record<string, string> = {};
      for (let count = 1 + random.below(4); count > 0; count--) headers[random.pick(names)] = random.pick(values);
      const isPost = random.chance(0.5);
      const path = isPost ? "/api/v1/ves/events/ingest" : random.pick(["/api/v1/head", "/subscribe", "/health"]);
      await expectSound(isPost ? "POST" : "GET", path, isPost ? Buffer.from("{}") : undefined, headers);
    }
    await expectAlive();
  });

  it("raw bytes at the socket", async () => {
    const body = JSON.stringify({ agentId: agent.agentId, events: [agent.sign()] });
    const head = `POST /api/v1/ves/events/ingest HTTP/1.1\r\nhost: x\r\nauthorization: ApiKey ${service.adminKey}\r\ncontent-type: application/json\r\n`;
    const sized = `${head}content-length: ${body.length}\r\n\r\n${body}`;
    const chunked = `${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const smuggled = `${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n`;
    const upgrade = `GET /subscribe HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAA\r\nauthorization: ApiKey ${service.adminKey}\r\n\r\n`;
    const seeds = [
      sized,
      chunked,
      smuggled,
      upgrade,
      "\x16\x03\x01\x02\x00\x01",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\0".repeat(50),
      "GET / HTTP/0.9\r\n\r\n",
    ];
    const run = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const bytes = mutateBytes(Buffer.from(random.pick(seeds), "latin1"), random);
        const { status, raw } = await sendRaw(service.process.port, bytes, 150);
        if (status !== null)
          expect(status === 101 || status < 500 || status === 505, `${bytes.toString("base64")}: ${raw}`).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: 16 }, () => run(Math.ceil(REQUESTS / 16))));
    await expectAlive();
  });
});
