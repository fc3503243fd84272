import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/base/errors.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { connect } from "../support/live-socket.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

/** How a request says who it is, what tokens open, and where secrets may never be found (SEC-05, SEC-06, SEC-15). */

const JWT_SECRET = "a secret of more than thirty-two characters";

describe("credentials", () => {
  let service: TestService;
  let agent: TestAgent;
  let key: string;

  beforeAll(async () => {
    service = await startService({ JWT_SECRET, LOG_LEVEL: "trace" });
    agent = await service.agent();
    key = await service.apiKey({ tenantId: agent.tenantId, label: "test" });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  async function ask(headers: Record<string, string>, path = "/api/v1/head"): Promise<Answer> {
    const response = await fetch(service.url + path, { headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: null };
  }

  it.each([
    ["ApiKey", () => ({ authorization: `ApiKey ${key}` })],
    ["apikey, as HTTP schemes are case-blind", () => ({ authorization: `apikey ${key}` })],
    ["Bearer", () => ({ authorization: `Bearer ${key}` })],
    ["the bare key", () => ({ authorization: key })],
    ["x-api-key", () => ({ "x-api-key": key })],
  ])("are taken as %s", async (_, headers) => {
    expect((await ask(headers())).status).toBe(200);
  });

  it.each([
    ["nothing", () => ({}), "AUTH_REQUIRED"],
    [
      "an empty Authorization beside a good x-api-key",
      () => ({ authorization: "", "x-api-key": key }),
      "AUTH_REQUIRED",
    ],
    ["Basic", () => ({ authorization: `Basic ${btoa(`${key}:`)}`, "x-api-key": key }), "AUTH_REQUIRED"],
    ["two blanks", () => ({ authorization: `ApiKey  ${key}` }), "AUTH_REQUIRED"],
    ["something behind the key", () => ({ authorization: `ApiKey ${key} x` }), "AUTH_REQUIRED"],
    ["a scheme alone", () => ({ authorization: "ApiKey" }), "AUTH_REQUIRED"],
    ["an unknown key", () => ({ authorization: `ApiKey ss_${"x".repeat(40)}` }), "INVALID_API_KEY"],
    ["the key in capitals", () => ({ "x-api-key": key.toUpperCase() }), "INVALID_API_KEY"],
    ["the key cut short", () => ({ "x-api-key": key.slice(0, -1) }), "INVALID_API_KEY"],
    ["its hash", () => ({ "x-api-key": createHash("sha256").update(key).digest("hex") }), "INVALID_API_KEY"],
    [
      "its hash, prefixed",
      () => ({ "x-api-key": `ss_${createHash("sha256").update(key).digest("hex")}` }),
      "INVALID_API_KEY",
    ],
    ["no prefix", () => ({ authorization: `ApiKey ${key.slice(3)}` }), "INVALID_API_KEY"],
    ["no token", () => ({ authorization: "Bearer nonsense" }), "INVALID_TOKEN"],
  ] as const)("are refused: %s", async (_, headers, code) => {
    for (const path of ["/api/v1/head", "/api/v1/log", "/metrics", "/api/v1/admin/api-keys"]) {
      expectProblem(await ask(headers(), path), code);
    }
    const { refusal } = await connect(`${service.wsUrl}/subscribe`, { headers: headers() });
    expectProblem(refusal!, code);
  });

  it("are never read from the URL", async () => {
    for (const name of ["api_key", "apikey", "key", "token", "access_token", "authorization", "x-api-key"]) {
      expectProblem(await ask({}, `/api/v1/head?${name}=${key}`), "AUTH_REQUIRED");
    }
  });

  it("travel as a subprotocol where a browser cannot send headers, and are not echoed", async () => {
    for (const path of ["/subscribe", "/ws/subscribe"]) {
      const protocols = ["stateset.entries.v1", `stateset.key.${key}`];
      const socket = await connect(service.wsUrl + path, { protocols });
      expect([socket.status, socket.protocol]).toEqual([101, "stateset.entries.v1"]);
      socket.close();
    }
    const bad = await connect(`${service.wsUrl}/subscribe`, { protocols: ["stateset.key.ss_none"] });
    expectProblem(bad.refusal!, "INVALID_API_KEY");
  });

  describe("tokens", () => {
    const sign = (claims: Record<string, unknown> = {}, secret = JWT_SECRET, alg = "HS256"): Promise<string> => {
      const standard = {
        sub: agent.tenantId,
        iss: "stateset-sequencer",
        aud: "stateset-api",
        perms: "read,write",
        jti: uuid(),
      };
      const now = Math.floor(Date.now() / 1000);
      const payload = { ...standard, iat: now, nbf: now, exp: now + 600, ...claims };
      const present = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
      return new SignJWT(present).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
    };
    const now = (): number => Math.floor(Date.now() / 1000);
    const withToken = async (token: string, path?: string): Promise<Answer> =>
      ask({ authorization: `Bearer ${token}` }, path);

    it("open what their claims say", async () => {
      const { tenantId, storeId, agentId } = agent;
      const streamOf = (store: string): string => `/api/v1/ves/events?tenant_id=${tenantId}&store_id=${store}`;
      expect((await withToken(await sign(), streamOf(uuid()))).status).toBe(200);
      expect((await withToken(await sign({ exp: now() - 30 }))).status).toBe(200);
      const scoped = await sign({ stores: `${uuid()},${storeId}` });
      expect((await withToken(scoped, streamOf(storeId))).status).toBe(200);
      expectProblem(await withToken(scoped, streamOf(uuid())), "INSUFFICIENT_PERMISSIONS", "Store access denied");
      const foreign = await sign({ sub: uuid() });
      expectProblem(await withToken(foreign, streamOf(storeId)), "INSUFFICIENT_PERMISSIONS", "Tenant access denied");
      for (const [claims, isTaken] of [
        [{}, true],
        [{ agent: agentId }, true],
        [{ agent: null }, true],
        [{ agent: uuid() }, false],
        [{ perms: "read" }, false],
        [{ perms: "admin" }, false],
        [{ perms: "" }, false],
        [{ perms: " write" }, false],
        [{ stores: uuid() }, false],
      ] as const) {
        const headers = { authorization: `Bearer ${await sign(claims)}`, "content-type": "application/json" };
        const body = JSON.stringify({ agentId, events: [agent.sign()] });
        const response = await fetch(`${service.url}/api/v1/ves/events/ingest`, { method: "POST", headers, body });
        expect([JSON.stringify(claims), response.status]).toEqual([JSON.stringify(claims), isTaken ? 200 : 403]);
      }
    });

    it("with admin alone mint no key that reads or writes", async () => {
      const authorization = `Bearer ${await sign({ perms: "admin" })}`;
      for (const permissions of ["read", "read_write", "admin", undefined]) {
        const body = JSON.stringify({ tenantId: agent.tenantId, permissions });
        const headers = { authorization, "content-type": "application/json" };
        const response = await fetch(`${service.url}/api/v1/admin/api-keys`, { method: "POST", headers, body });
        expect(response.status).toBe(403);
      }
    });

    it("end what they opened when they expire", async () => {
      const open = (token: string) =>
        connect(`${service.wsUrl}/subscribe`, { headers: { authorization: `Bearer ${token}` } });
      const stays = await open(await sign());
      // With the leeway of 60 s that requests have too. What is left of it must do for the handshake.
      let ends = await open(await sign({ exp: now() - 57 }));
      for (let leftS = 6; ends.status !== 101 && leftS < 30; leftS *= 2) {
        expectProblem(ends.refusal!, "TOKEN_EXPIRED");
        ends = await open(await sign({ exp: now() - 60 + leftS }));
      }
      expect([ends.status, stays.status]).toEqual([101, 101]);
      expect(await ends.closed).toMatchObject({ code: 1008, reason: "TOKEN_EXPIRED" });
      await agent.ingest([agent.sign()]);
      await stays.heard(1);
      stays.close();
    });

    const bad: readonly [string, () => Promise<string> | string, ErrorCode][] = [
      ["expired", () => sign({ exp: now() - 90 }), "TOKEN_EXPIRED"],
      ["of another issuer", () => sign({ iss: "somebody" }), "INVALID_TOKEN"],
      ["without issuer", () => sign({ iss: undefined }), "INVALID_TOKEN"],
      ["for another audience", () => sign({ aud: "somebody" }), "INVALID_TOKEN"],
      ["without expiry", () => sign({ exp: undefined }), "INVALID_TOKEN"],
      ["without subject", () => sign({ sub: undefined }), "INVALID_TOKEN"],
      ["of no tenant", () => sign({ sub: "admin" }), "INVALID_TOKEN"],
      ["with a bad store", () => sign({ stores: `${uuid()},x` }), "INVALID_TOKEN"],
      ["with stores as a list", () => sign({ stores: [uuid()] }), "INVALID_TOKEN"],
      ["with a bad agent", () => sign({ agent: "x" }), "INVALID_TOKEN"],
      ["not valid yet", () => sign({ nbf: now() + 300 }), "INVALID_TOKEN"],
      ["by another secret", () => sign({}, `${JWT_SECRET}!`), "INVALID_TOKEN"],
      ["HS512", () => sign({}, JWT_SECRET, "HS512"), "INVALID_TOKEN"],
      ["alg none", async () => unsigned(await sign()), "INVALID_TOKEN"],
      ["RS256", async () => rs256(await sign()), "INVALID_TOKEN"],
      ["with a changed payload", async () => changed(await sign()), "INVALID_TOKEN"],
      ["without signature", async () => (await sign()).split(".").slice(0, 2).join("."), "INVALID_TOKEN"],
    ];

    it.each(bad)("are refused: %s", async (_, make, code) => {
      expectProblem(await withToken(await make()), code);
    });

    it("are refused where no secret is set", async () => {
      await using plain = await startService();
      const response = await fetch(`${plain.url}/api/v1/head`, {
        headers: { authorization: `Bearer ${await sign()}` },
      });
      expect(response.headers.get("x-error-code")).toBe("INVALID_TOKEN");
    });
  });

  it("leave no trace: not in logs, metrics, answers or the data folder", async () => {
    for (const path of ["/api/v1/head", "/nowhere", "/api/v1/ves/events/x", `/subscribe?key=1`]) {
      for (const text of [key, service.adminKey]) {
        const answer = await ask({ authorization: `ApiKey ${text}`, "x-api-key": text }, path);
        expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(text);
      }
    }
    const seed = readFileSync(join(service.folder, "receipt-signing.key"), "utf8").trim();
    const secrets = [key, service.adminKey, seed, Buffer.from(seed, "hex").toString("latin1"), JWT_SECRET];
    const metrics = await service.get("/metrics");
    const listed = await service.get("/api/v1/admin/api-keys");
    for (const text of secrets) {
      for (const place of [service.process.lines.join("\n"), metrics.text, listed.text])
        expect(place).not.toContain(text);
      for (const name of readdirSync(service.folder)) {
        const content = readFileSync(join(service.folder, name), "latin1");
        if (name !== "receipt-signing.key") expect(content.includes(text), `${name} holds a secret`).toBe(false);
      }
    }
    expect(service.process.lines.length).toBeGreaterThan(0);
    using db = disposable(new Database(join(service.folder, "sequencer.db"), { readonly: true }));
    const hashes = db.value.prepare("SELECT key_hash FROM api_keys").pluck().all();
    expect(hashes).toEqual([createHash("sha256").update(key).digest("hex")]);
  });
});

describe("open access and the bootstrap key", () => {
  it.each([
    ["one switch only", { AUTH_MODE: "disabled" }, /ALLOW_AUTH_DISABLED/],
    ["all interfaces", { AUTH_MODE: "disabled", ALLOW_AUTH_DISABLED: "true", HOST: "0.0.0.0" }, /loopback/],
    ["an unknown mode", { AUTH_MODE: "open" }, /AUTH_MODE must be/],
    ["a bootstrap key without its prefix", { BOOTSTRAP_ADMIN_API_KEY: "x".repeat(40) }, /must begin with ss_/],
    [
      "a bootstrap key with a line end",
      { BOOTSTRAP_ADMIN_API_KEY: `ss_${"x".repeat(40)}\n` },
      /no header could carry it/,
    ],
    ["a short bootstrap key", { BOOTSTRAP_ADMIN_API_KEY: "ss_short-secret" }, /at least 32/],
    ["a short token secret", { JWT_SECRET: "short-secret" }, /JWT_SECRET must have at least 32/],
    ["a signing key that is none", { VES_SEQUENCER_SIGNING_KEY: "short-secret" }, /VES_SEQUENCER_SIGNING_KEY must be/],
    ["an unknown option", { SEQ_QUEUE_CAPS: "1" }, /unknown option SEQ_QUEUE_CAPS/],
  ])("refuses to start with %s: exit 2, no secret shown", async (_, env, problem) => {
    const { code, output } = await runToEnd(env);
    expect(code).toBe(2);
    expect(output).toMatch(problem);
    expect(output).not.toContain("short-secret");
    expect(output).not.toMatch(/\bat \S+ \(/);
  });

  it("disabled with both switches: whoever asks is admin, a valid key keeps its own scope", async () => {
    await using service = await startService({ AUTH_MODE: "disabled", ALLOW_AUTH_DISABLED: "true" });
    for (const headers of [{}, { authorization: "ApiKey ss_unknown" }, { authorization: "Bearer x.y.z" }]) {
      expect((await fetch(`${service.url}/metrics`, { headers })).status).toBe(200);
    }
    const key = await service.apiKey({ tenantId: uuid() });
    expectProblem(await service.get("/metrics", key), "INSUFFICIENT_PERMISSIONS");
  });

  it("opens to no page of somewhere else: not by a socket, nor under a name that points here", async () => {
    await using service = await startService({ AUTH_MODE: "disabled", ALLOW_AUTH_DISABLED: "true" });
    const { port } = service.process;
    const open = [
      `localhost:${port}`,
      `127.0.0.1:${port}`,
      `127.8.8.8:${port}`,
      `[::1]:${port}`,
      "localhost",
      "LOCALHOST",
    ];
    const strange = ["evil.example", `localhost.evil.example:${port}`, "127.0.0.1.evil.example", "0.0.0.0", "x y"];
    const own = [...open, `localhost:3000`].map((host) => `http://${host}`);
    const foreign = [...strange.map((host) => `https://${host}`), "null", "file://", "localhost", ""];
    const cells = [
      ...open.map((host) => ({ host, isOpen: true })),
      ...strange.map((host) => ({ host, isOpen: false })),
      ...own.map((origin) => ({ host: open[0]!, origin, isOpen: true })),
      ...foreign.map((origin) => ({ host: open[0]!, origin, isOpen: false })),
      ...strange.map((host) => ({ host, origin: `http://${host}`, isOpen: false })),
    ];
    for (const { isOpen, ...headers } of cells) {
      const name = JSON.stringify(headers);
      const socket = await connect(`${service.wsUrl}/subscribe`, { headers });
      const answer = await askAs(service, headers);
      expect([socket.status, answer.status], name).toEqual(isOpen ? [101, 200] : [401, 401]);
      if (!isOpen) for (const one of [socket.refusal!, answer]) expectProblem(one, "AUTH_REQUIRED", /loopback/);
      socket.close();
      // A credential opens to whoever sends it, as everywhere.
      expect((await askAs(service, { ...headers, authorization: `ApiKey ${service.adminKey}` })).status, name).toBe(
        200,
      );
    }
  });

  it.each([
    ["admin.key", "", /admin\.key must begin with ss_/],
    ["admin.key", "ss_short-secret", /admin\.key must have at least 32/],
    ["sequencer.id", "short-secret", /sequencer\.id must be a UUID/],
    ["receipt-signing.key", "short-secret", /receipt-signing\.key must be 32 bytes/],
  ])(
    "refuses a %s in the data folder that holds %j: exit 2, the file named, no secret shown",
    async (name, text, problem) => {
      const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
      try {
        writeFileSync(join(folder, name), text);
        const { code, output } = await runToEnd({ DATA_DIR: folder });
        expect(code).toBe(2);
        expect(output).toMatch(problem);
        expect(output).not.toContain("short-secret");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it("lets nobody but its owner read the log, also in a folder that others can enter", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
    try {
      chmodSync(folder, 0o755);
      await using service = await ServerProcess.start({ folder });
      // The tree's thread makes its own, a moment after the service listens.
      await expect
        .poll(() => readdirSync(service.folder), { timeout: 20_000 })
        .toEqual(expect.arrayContaining(["sequencer.db", "tlog.db"]));
      for (const name of readdirSync(folder)) {
        // A journal may be gone again.
        const { mode = 0 } = statSync(join(folder, name), { throwIfNoEntry: false }) ?? {};
        expect(mode & 0o077, name).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("generates an admin key once, into a file for its owner only, and shows it once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
    try {
      const first = await runToEnd({ DATA_DIR: folder, BOOTSTRAP_ADMIN_API_KEY: "" }, true);
      const second = await runToEnd({ DATA_DIR: folder, BOOTSTRAP_ADMIN_API_KEY: "" }, true);
      const key = readFileSync(join(folder, "admin.key"), "utf8").trim();
      expect(key).toMatch(/^ss_[A-Za-z0-9_-]{40}$/);
      expect(first.stdout).toContain(key);
      expect(first.stderr).not.toContain(key);
      expect(second.stdout + second.stderr).not.toContain(key);
      for (const name of ["admin.key", "receipt-signing.key"]) {
        expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
      }
      expect(readFileSync(join(folder, "sequencer.db"), "latin1").includes(key)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** `fetch` sends no Host and no Origin of its caller's choice. */
async function askAs(service: TestService, headers: Record<string, string>): Promise<Answer> {
  const { port } = service.process;
  const asked = request({ port, host: "127.0.0.1", method: "GET", path: "/metrics", headers }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return {
    status: response.statusCode!,
    headers: new Headers(response.headers as Record<string, string>),
    text,
    json: null,
  };
}

/** Runs the service until it ends, or, `untilListening`, until it listens and is asked to stop. */
async function runToEnd(
  env: Record<string, string>,
  untilListening = false,
): Promise<{ code: number | null; stdout: string; stderr: string; output: string }> {
  const DATA_DIR = env.DATA_DIR ?? mkdtempSync(join(tmpdir(), "sequencer-test-"));
  const own = { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", DATA_DIR };
  const child = spawn(process.execPath, ["dist/src/main.js"], { env: { ...own, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    if (untilListening && stderr.includes('"listening"')) child.kill("SIGTERM");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (env.DATA_DIR === undefined) rmSync(DATA_DIR, { recursive: true, force: true });
  return { code, stdout, stderr, output: stdout + stderr };
}

function disposable<T extends { close(): unknown }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => void value.close() };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function unsigned(token: string): string {
  return `${encode({ alg: "none" })}.${token.split(".")[1]}.`;
}

function changed(token: string): string {
  const [head, payload, signature] = token.split(".") as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  return [head, encode({ ...claims, perms: "read,write,admin" }), signature].join(".");
}

async function rs256(token: string): Promise<string> {
  const claims = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as JWTPayload;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
}
