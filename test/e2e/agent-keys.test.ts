import { generateKeyPairSync, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHex } from "../../src/base/bytes.js";
import { signProofOfPossession } from "../../src/protocol/proof-of-possession.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, ed25519, startService, TestAgent, type TestService, uuid } from "../support/service.js";

/** Agent keys end to end (KEY-01..09, ves-protocol §10): registration, proof, window, rotation, list. */

const PATHS = ["/api/v1/agents/keys", "/api/v1/agent-keys"] as const;

describe("agent keys", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const newAgent = (): TestAgent => new TestAgent(service, uuid(), uuid(), uuid());
  const register = (body: unknown, path: string = PATHS[0]): Promise<Answer> => service.post(path, body);

  describe("registration", () => {
    const spellings = [
      ["hex", (key: Uint8Array) => toHex(key)],
      ["0x hex in capitals", (key: Uint8Array) => `0x${toHex(key).toUpperCase()}`],
      ["base64", (key: Uint8Array) => Buffer.from(key).toString("base64")],
      ["base64url without padding", (key: Uint8Array) => Buffer.from(key).toString("base64url")],
    ] as const;

    it.each(PATHS.flatMap((path) => spellings.map(([name, spell]) => [path, name, spell] as const)))(
      "on %s takes a key as %s, under camelCase and snake_case names",
      async (path, _, spell) => {
        for (const isSnake of [false, true]) {
          const agent = newAgent();
          const given = agent.registration();
          const body: Record<string, unknown> = { ...given, publicKey: spell(ed25519.publicKey(agent.seed)) };
          const answer = await register(isSnake ? snakeCase(body) : body, path);
          expect(answer.json).toEqual({
            success: true,
            tenantId: agent.tenantId,
            agentId: agent.agentId,
            keyId: 1,
            keyAlgorithm: 1,
            message: "Agent key registered successfully",
          });
          expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
        }
      },
    );

    it("refuses a member given under two of its names", async () => {
      const agent = newAgent();
      const text = JSON.stringify(agent.registration()).replace("{", `{"tenant_id":"${agent.tenantId}",`);
      expectProblem(await register(text), "UNPROCESSABLE_BODY");
    });

    it("answers 409 to a key id in use, and keeps the first key", async () => {
      const agent = newAgent();
      await agent.register();
      const original = agent.seed;
      expectProblem(await agent.register(), "ALREADY_EXISTS");
      agent.seed = randomBytes(32);
      expectProblem(await agent.register(), "ALREADY_EXISTS");
      expect((await agent.ingest([agent.sign()])).json.rejections[0].reason).toBe("invalid_signature");
      agent.seed = original;
      expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
    });

    it("gives key ids by itself: highest + 1, from 1, revoked ones counted", async () => {
      const agent = newAgent();
      const next = async (): Promise<number> => {
        agent.seed = randomBytes(32);
        return (await register({ ...agent.registration(), keyId: null })).json.keyId;
      };
      expect(await next()).toBe(1);
      expect(await next()).toBe(2);
      await register({ ...agent.registration(), keyId: 41 });
      expect(await next()).toBe(42);
      await service.post("/api/v1/agents/keys/revoke", { ...idsOf(agent), keyId: 42 });
      expect(await next()).toBe(43);
      const raced = await Promise.all(Array.from({ length: 20 }, next));
      expect(raced.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 44 + i));
    });

    it("takes key ids 0 and 2^31-1 and nothing above, also when it has to choose one", async () => {
      const agent = newAgent();
      expect((await register({ ...agent.registration(), keyId: 0 })).status).toBe(200);
      expect((await register({ ...agent.registration(), keyId: 2 ** 31 - 1 })).status).toBe(200);
      expectProblem(await register({ ...agent.registration(), keyId: 2 ** 31 }), "INVALID_FIELD_VALUE");
      const { keyId: _, ...unnumbered } = agent.registration();
      expectProblem(await register(unnumbered), "INVALID_FIELD_VALUE", /highest key id/);
      expect((await service.get("/ready")).status).toBe(200);
    });

    it("works at once for a key that was asked for before it existed", async () => {
      const agent = newAgent();
      for (let i = 0; i < 3; i++) {
        const early = await agent.ingest([agent.sign()]);
        expect(early.json.rejections[0].reason).toBe("agent_key_invalid: Agent key not found");
      }
      await agent.register();
      expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
    });
  });

  describe("proof of possession", () => {
    const cases: readonly [
      string,
      (agent: TestAgent) => unknown,
      "MISSING_REQUIRED_FIELD" | "INVALID_PROOF_OF_POSSESSION",
    ][] = [
      ["missing", () => undefined, "MISSING_REQUIRED_FIELD"],
      ["null", () => null, "MISSING_REQUIRED_FIELD"],
      ["wrong bytes", () => "ab".repeat(64), "INVALID_PROOF_OF_POSSESSION"],
      ["of another key", () => toHex(ownProof(randomBytes(32))), "INVALID_PROOF_OF_POSSESSION"],
      [
        "another key's signature over this challenge",
        (agent) => toHex(signProofOfPossession(ed25519.publicKey(agent.seed), randomBytes(32), ed25519)),
        "INVALID_PROOF_OF_POSSESSION",
      ],
      [
        "over the bare key",
        (agent) => toHex(ed25519.sign(ed25519.publicKey(agent.seed), agent.seed)),
        "INVALID_PROOF_OF_POSSESSION",
      ],
      ["non-hex", () => "zz".repeat(64), "INVALID_PROOF_OF_POSSESSION"],
      ["short", () => "ab".repeat(63), "INVALID_PROOF_OF_POSSESSION"],
      ["empty", () => "", "INVALID_PROOF_OF_POSSESSION"],
    ];

    it.each(cases)("%s: refused, also for the bootstrap admin", async (_, proofOf, code) => {
      const agent = newAgent();
      const answer = await register({ ...agent.registration(), proofOfPossession: proofOf(agent) });
      expect(expectProblem(answer, code).pointer).toBe("/proofOfPossession");
      expect((await listOf(agent)).json.count).toBe(0);
    });

    it("may be left out by admins alone, and only where the option says so", async () => {
      await using open = await startService({ ALLOW_KEY_REGISTRATION_WITHOUT_POP: "true" });
      const agent = new TestAgent(open, uuid(), uuid(), uuid());
      const { proofOfPossession: proof, ...unproven } = agent.registration();
      const ownKey = await open.apiKey({ tenantId: agent.tenantId, agentId: agent.agentId });
      expectProblem(await open.post(PATHS[0], unproven, ownKey), "MISSING_REQUIRED_FIELD");
      expectProblem(await open.post(PATHS[0], { ...unproven, proofOfPossession: "00" }), "INVALID_PROOF_OF_POSSESSION");
      expect((await open.post(PATHS[0], unproven)).status).toBe(200);
      expect((await open.post(PATHS[0], { ...unproven, keyId: 2, proofOfPossession: proof }, ownKey)).status).toBe(200);
    });
  });

  describe("bad public keys", () => {
    const smallOrder = [
      "00".repeat(32),
      `01${"00".repeat(31)}`,
      `01${"00".repeat(30)}80`,
      `ec${"ff".repeat(30)}7f`,
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    const signing = [
      ...smallOrder.map((key) => ["of small order", key] as const),
      ["not canonical (p)", `ed${"ff".repeat(30)}7f`],
      ["not canonical (p + 1)", `ee${"ff".repeat(30)}7f`],
      ["not canonical (p + 3)", `f0${"ff".repeat(30)}7f`],
      ["of mixed order", "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"],
      ["not on the curve", `02${"00".repeat(31)}`],
      ["too short", "ab".repeat(31)],
      ["too long", "ab".repeat(33)],
      ["no text of bytes", "not a key"],
      ["empty", ""],
    ] as const;

    it.each(signing)("an Ed25519 key %s is refused: %s", async (_, publicKey) => {
      const agent = newAgent();
      const answer = await register({ ...agent.registration(), publicKey });
      expect(expectProblem(answer, "INVALID_PUBLIC_KEY").pointer).toBe("/publicKey");
    });

    const encryption = [
      ["zero", "00".repeat(32)],
      ["one", `01${"00".repeat(31)}`],
      ["of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
      ["of order 8, the other", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
      ["p - 1", `ec${"ff".repeat(30)}7f`],
      ["p", `ed${"ff".repeat(30)}7f`],
      ["p + 9, a second spelling of 9", `f6${"ff".repeat(30)}7f`],
      ["9 with the high bit set", `09${"00".repeat(30)}80`],
    ] as const;

    it.each(encryption)("an X25519 key %s is refused", async (_, publicKey) => {
      const agent = await service.agent();
      const vouched = { ...agent.registration(), publicKey, keyAlgorithm: 2, signingKeyId: 1 };
      expectProblem(await register(vouched), "INVALID_PUBLIC_KEY");
    });
  });

  describe("encryption keys", () => {
    const x25519Key = (): Uint8Array =>
      Buffer.from(generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }).x!, "base64url");
    const vouch = (agent: TestAgent, key: Uint8Array, seed = agent.seed): Record<string, unknown> => ({
      ...idsOf(agent),
      keyId: 1,
      keyAlgorithm: 2,
      publicKey: toHex(key),
      proofOfPossession: toHex(signProofOfPossession(key, seed, ed25519)),
      signingKeyId: 1,
    });

    it("are vouched for by a usable signing key of the same agent, and keep ids of their own", async () => {
      const agent = await service.agent();
      const key = x25519Key();
      expect((await register(vouch(agent, key))).json).toMatchObject({ keyId: 1, keyAlgorithm: 2 });
      expectProblem(await register(vouch(agent, key)), "ALREADY_EXISTS");
      const { json } = await listOf(agent);
      expect(json.keys.map((view: { keyType: string }) => view.keyType)).toEqual(["signing", "encryption"]);
      expect(json.keys[1]).toMatchObject({ keyId: 1, publicKey: toHex(key), status: "active" });
    });

    it("are refused without a voucher that holds", async () => {
      const agent = await service.agent();
      const stranger = await service.agent({ tenantId: agent.tenantId });
      const key = x25519Key();
      expectProblem(await register({ ...vouch(agent, key), signingKeyId: null }), "MISSING_REQUIRED_FIELD");
      expectProblem(await register({ ...vouch(agent, key), signingKeyId: 9 }), "AGENT_KEY_NOT_FOUND");
      expectProblem(await register(vouch(agent, key, stranger.seed)), "INVALID_PROOF_OF_POSSESSION");
      await service.post("/api/v1/agents/keys/revoke", { ...idsOf(agent), keyId: 1 });
      expectProblem(await register(vouch(agent, key)), "AGENT_KEY_NOT_FOUND", /revoked/);
    });

    it("cannot sign events, and revoking one leaves the signing key of the same id", async () => {
      const agent = await service.agent();
      await register(vouch(agent, x25519Key()));
      const revoked = await service.post("/api/v1/agents/keys/revoke", { ...idsOf(agent), keyId: 1, keyAlgorithm: 2 });
      expect(revoked.status).toBe(200);
      expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
      const { json } = await listOf(agent);
      expect(json.keys.map((view: { status: string }) => view.status)).toEqual(["active", "revoked"]);
    });
  });

  describe("validity window", () => {
    const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

    it.each([
      [
        "not yet valid",
        { validFrom: inMs(1_800_000) },
        "agent_key_invalid: Agent key is not yet valid",
        "not_yet_valid",
      ],
      ["expired", { validTo: inMs(-1000) }, "agent_key_invalid: Agent key has expired", "expired"],
      [
        "expired, under its older name",
        { valid_until: inMs(-1000) },
        "agent_key_invalid: Agent key has expired",
        "expired",
      ],
    ])("%s: judged at the server's clock, never at created_at", async (_, window, reason, status) => {
      const agent = newAgent();
      await register({ ...agent.registration(), ...window });
      for (const createdAt of [inMs(-7_200_000), inMs(0), inMs(1_801_000)]) {
        expect((await agent.ingest([agent.sign({ createdAt })])).json.rejections[0].reason).toBe(reason);
      }
      expect((await listOf(agent)).json.keys[0].status).toBe(status);
    });

    it("opens and closes by itself while the key is cached", async () => {
      const all = ["Agent key is not yet valid", "accepted", "Agent key has expired"];
      let outcomes: string[] = [];
      // A machine so busy that a part of the window is over before anything was asked in it gets a longer one.
      for (let partMs = 250; outcomes.length < all.length && partMs < 10_000; partMs *= 3) {
        const agent = newAgent();
        const end = Date.now() + 3 * partMs;
        await register({ ...agent.registration(), validFrom: inMs(partMs), validTo: inMs(2 * partMs) });
        outcomes = [];
        for (; Date.now() < end; await new Promise((next) => setTimeout(next, 20))) {
          const { json } = await agent.ingest([agent.sign()]);
          const outcome = json.rejections?.[0].message ?? "accepted";
          if (outcomes.at(-1) !== outcome) outcomes.push(outcome);
        }
        expect(outcomes).toEqual(all.filter((outcome) => outcomes.includes(outcome)));
      }
      expect(outcomes).toEqual(all);
    });

    it("must not end before it begins", async () => {
      const agent = newAgent();
      const answer = await register({ ...agent.registration(), validFrom: inMs(0), validTo: inMs(-1_000) });
      expectProblem(answer, "INVALID_FIELD_VALUE");
      expectProblem(await register({ ...agent.registration(), validTo: "tomorrow" }), "UNPROCESSABLE_BODY");
    });

    it("lies within what is shown of it: years 0 to 9999 in UTC", async () => {
      const agent = newAgent();
      for (const window of [{ validTo: "9999-12-31T23:59:59-00:01" }, { validFrom: "0000-01-01T00:00:00+00:01" }]) {
        expectProblem(await register({ ...agent.registration(), ...window }), "UNPROCESSABLE_BODY");
      }
      const window = { validFrom: "0000-01-01T00:00:00Z", validTo: "9999-12-31T23:59:60.999-00:00" };
      expectProblem(await register({ ...agent.registration(), ...window }), "UNPROCESSABLE_BODY");
      await register({ ...agent.registration(), ...window, validTo: "9999-12-31T23:59:59.9999Z" });
      const [shown] = (await listOf(agent)).json.keys;
      expect(shown).toMatchObject({
        validFrom: "0000-01-01T00:00:00.000Z",
        validTo: "9999-12-31T23:59:59.999Z",
        status: "active",
      });
    });
  });

  it("rotates with overlap: both keys sign until the old one is revoked", async () => {
    const agent = await service.agent();
    const oldSeed = agent.seed;
    const withOld = (): unknown => {
      const { seed, keyId } = agent;
      Object.assign(agent, { seed: oldSeed, keyId: 1 });
      const event = agent.sign();
      Object.assign(agent, { seed, keyId });
      return event;
    };
    Object.assign(agent, { seed: randomBytes(32), keyId: 2 });
    await agent.register();
    expect((await agent.ingest([withOld(), agent.sign()])).json.eventsAccepted).toBe(2);
    const { tenantId, agentId } = agent;
    const path = `/api/v1/agent-keys/1?tenant_id=${tenantId}&agent_id=${agentId}`;
    expect((await service.request("DELETE", path)).json).toMatchObject({ success: true, keyId: 1 });
    const mixed = await agent.ingest([withOld(), agent.sign()]);
    expect(mixed.json).toMatchObject({ eventsAccepted: 1, eventsRejected: 1 });
    expect(mixed.json.rejections[0].reason).toBe("agent_key_invalid: Agent key has been revoked");
  });

  it("lists an agent's keys with windows and revocations", async () => {
    const agent = await service.agent();
    const reason = "laptop lost";
    await service.post("/api/v1/agents/keys/revoke", { ...snakeCase(idsOf(agent)), key_id: 1, reason });
    for (const path of PATHS) {
      const { json } = await service.get(`${path}?tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`);
      expect(json.count).toBe(1);
      expect(json.keys[0]).toMatchObject({ keyId: 1, keyType: "signing", status: "revoked", revokeReason: reason });
      expect(json.keys[0].publicKey).toBe(toHex(ed25519.publicKey(agent.seed)));
    }
  });

  it("revokes by body and by both paths, repeatably, and knows what it does not have", async () => {
    for (const way of ["body", ...PATHS]) {
      const agent = await service.agent();
      const query = `tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`;
      const revoke = (keyId: number): Promise<Answer> =>
        way === "body"
          ? service.post("/api/v1/agents/keys/revoke", { ...idsOf(agent), keyId })
          : service.request("DELETE", `${way}/${keyId}?${query}`);
      const first = await revoke(1);
      expect(first.json).toMatchObject({ success: true, keyId: 1, agentId: agent.agentId });
      expect((await revoke(1)).json.revokedAt).toBe(first.json.revokedAt);
      expectProblem(await revoke(2), "AGENT_KEY_NOT_FOUND");
      expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(0);
      // A repeat is told apart: no second revocation.
      const lines = service.process.lines
        .filter((line) => line.includes(agent.agentId))
        .map((line) => JSON.parse(line));
      const facts = { audit: true, keyId: 1, keyAlgorithm: 1, revokedAt: first.json.revokedAt };
      expect(lines).toMatchObject([
        { level: 40, msg: "agent key revoked", ...facts },
        { level: 30, msg: "agent key was revoked before", ...facts },
      ]);
    }
  });

  function listOf(agent: TestAgent): Promise<Answer> {
    return service.get(`${PATHS[0]}?tenant_id=${agent.tenantId}&agent_id=${agent.agentId}`);
  }
});

function ownProof(seed: Uint8Array): Uint8Array {
  return signProofOfPossession(ed25519.publicKey(seed), seed, ed25519);
}

function idsOf({ tenantId, agentId }: TestAgent): Record<string, unknown> {
  return { tenantId, agentId };
}

function snakeCase(body: Record<string, unknown>): Record<string, unknown> {
  const renamed = Object.entries(body).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(renamed);
}
