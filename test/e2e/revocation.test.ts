import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHex } from "../../src/base/bytes.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { signProofOfPossession } from "../../src/protocol/proof-of-possession.js";
import { LegacyClient } from "../support/legacy-client.js";
import { seededRandom } from "../support/load.js";
import { TEST_SEED } from "../support/seed.js";
import { type Answer, ed25519, startService, TestAgent, type TestService, uuid } from "../support/service.js";

/**
 * A revocation acts at once (KEY-05): after its answer arrived nothing signed by the key and submitted afterwards is ever
 * sequenced, and no entry by the key lies behind the place in the log where it took effect.
 */

interface Sent {
  readonly event: EventEnvelope;
  /** False = posted before the revocation's answer came. */
  readonly isAfter: boolean;
}

describe.each([
  ["default caches", {}],
  ["one key per cache, one event per chunk", { CACHE_AGENT_KEY_MAX: "1", SEQ_MAX_USER_OPS_PER_CHUNK: "1" }],
  ["one thread, small queue", { VERIFY_THREADS: "1", SEQ_QUEUE_CAP: "4", CACHE_AGENT_KEY_MAX: "2" }],
])("revocation under load, %s", (_, env) => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService(env);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("no event signed by a revoked key is sequenced after the answer", async () => {
    let before = 0;
    let after = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { sent, agent, bystander, revokedAt } = await hammer(service);
      const log = await stored(service, agent);
      const known = new Map(sent.map((one) => [one.event.event_id as string, one]));
      const marks = await stored(service, bystander);
      for (const { event_id, offset, sequencedAtMs } of log) {
        expect(sequencedAtMs, `round ${round}: offset ${offset} lies behind the revocation`).toBeLessThanOrEqual(
          revokedAt,
        );
        expect(known.get(event_id)?.isAfter, `round ${round}: offset ${offset} was submitted after the answer`).toBe(
          false,
        );
      }
      // The bystander's first event was sent when the revocation had been answered: it marks a later place in the log.
      const mark = marks[0]!.offset;
      expect(Math.max(-1, ...log.map(({ offset }) => offset))).toBeLessThan(mark);
      before += log.length;
      after += sent.filter((one) => one.isAfter).length;
      const replays = await agent.ingest(log.map(({ event_id }) => known.get(event_id)!.event));
      if (log.length > 0) expect(replays.json).toMatchObject({ eventsAccepted: 0, eventsRejected: 0 });
      expect(replays.json.receipts?.length ?? 0).toBe(log.length);
    }
    expect(before, "rounds in which the race took place").toBeGreaterThan(ROUNDS);
    expect(after).toBeGreaterThan(ROUNDS);
  });
});

const ROUNDS = Number(process.env.REVOCATION_ROUNDS ?? 8);
const SENDERS = 6;
const random = seededRandom(TEST_SEED);

/** Concurrent senders while the key is revoked in the middle, and for a while after. */
async function hammer(
  service: TestService,
): Promise<{ sent: readonly Sent[]; agent: TestAgent; bystander: TestAgent; revokedAt: number }> {
  const agent = await service.agent();
  const bystander = await service.agent();
  const sent: Sent[] = [];
  const state = { isRevoked: false, isOver: false, answers: 0 };
  const send = async (): Promise<void> => {
    while (!state.isOver) {
      const events = [agent.sign(), agent.sign()];
      for (const event of events) sent.push({ event, isAfter: state.isRevoked });
      const answer: Answer = await agent.ingest(events);
      expect([200, 429], answer.text).toContain(answer.status);
      state.answers++;
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  const answered = async (count: number): Promise<void> => {
    for (const from = state.answers; state.answers < from + count; ) await nextTurn();
  };
  await answered(1 + Math.floor(random() * 2 * SENDERS));
  const { tenantId, agentId } = agent;
  const revoked = await service.post("/api/v1/agents/keys/revoke", { tenantId, agentId, keyId: 1 });
  state.isRevoked = true;
  expect(revoked.status).toBe(200);
  await bystander.ingest([bystander.sign()]);
  await answered(2 * SENDERS);
  state.isOver = true;
  await Promise.all(senders);
  return { sent, agent, bystander, revokedAt: Date.parse(revoked.json.revokedAt) };
}

interface Stored {
  readonly offset: number;
  readonly sequencedAtMs: number;
  readonly event_id: string;
}

async function stored(service: TestService, agent: TestAgent): Promise<Stored[]> {
  const query = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}&limit=1000`;
  const { json } = await service.get(`/api/v1/ves/events?${query}`);
  expect(json.count).toBeLessThan(1000);
  return json.events.map((entry: { offset: number; sequenced_at: string; event: EventEnvelope }) => ({
    offset: entry.offset,
    sequencedAtMs: Date.parse(entry.sequenced_at),
    event_id: entry.event.event_id,
  }));
}

describe("what makes keys", () => {
  const x25519Key = (): Uint8Array =>
    Buffer.from(generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }).x!, "base64url");

  it("leaves none behind that come after its own revocation: an API key, or a signing key that vouches", async () => {
    await using service = await startService();
    const keysOf = async (path: string) =>
      (await service.get(path)).json.keys as { createdAt: string; keyType?: string }[];
    let made = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const agent = await service.agent();
      const { tenantId, agentId, seed } = agent;
      const thief = await service.apiKey({ tenantId, permissions: "admin" });
      const helper = uuid();
      const asks = [
        () => service.post("/api/v1/admin/api-keys", { tenantId }, thief),
        () => service.post("/api/v1/agents/keys", anyKeyOf(new TestAgent(service, tenantId, uuid(), helper)), thief),
        () => {
          const key = x25519Key();
          const proof = toHex(signProofOfPossession(key, seed, ed25519));
          const vouched = { publicKey: toHex(key), keyAlgorithm: 2, signingKeyId: 1, proofOfPossession: proof };
          return service.post("/api/v1/agents/keys", { tenantId, agentId, ...vouched });
        },
      ];
      const state = { isOver: false, answers: 0 };
      const askOn = async (ask: () => Promise<Answer>): Promise<void> => {
        while (!state.isOver) {
          const { status, text } = await ask();
          expect([200, 401, 404, 429], text).toContain(status);
          state.answers++;
        }
      };
      const askers = [...asks, ...asks, ...asks, ...asks].map(askOn);
      while (state.answers < askers.length) await nextTurn();
      const prefix = createHash("sha256").update(thief).digest("hex").slice(0, 16);
      const revoked = [
        await service.request("DELETE", `/api/v1/admin/api-keys/${prefix}`),
        await service.post("/api/v1/agents/keys/revoke", { tenantId, agentId, keyId: 1 }),
      ].map(({ json }) => json.revokedAt as string);
      const paths = [
        `/api/v1/admin/api-keys?tenant_id=${tenantId}`,
        ...[helper, agentId].map((id) => `/api/v1/agents/keys?tenant_id=${tenantId}&agent_id=${id}`),
      ];
      const known = await Promise.all(paths.map(keysOf));
      for (const from = state.answers; state.answers < from + askers.length; ) await nextTurn();
      state.isOver = true;
      await Promise.all(askers);
      // Who looks after the answers sees all that there will ever be.
      expect(await Promise.all(paths.map(keysOf)), `round ${round}`).toEqual(known);
      for (const [index, keys] of known.entries()) {
        for (const { createdAt } of keys) expect(createdAt <= revoked[index === 2 ? 1 : 0]!, createdAt).toBe(true);
        made += keys.length;
      }
    }
    expect(made).toBeGreaterThan(ROUNDS);
  });
});

describe("legacy events", () => {
  it("none that a revoked API key vouches for comes after its revocation was answered", async () => {
    await using service = await startService();
    let before = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const legacy = new LegacyClient(service);
      const { tenantId } = legacy;
      const key = await service.apiKey({ tenantId });
      const keys = [key, await service.apiKey({ tenantId })];
      const state = { isOver: false, answers: 0 };
      const send = async (by: string): Promise<void> => {
        while (!state.isOver) {
          const client = by === key ? legacy : new LegacyClient(service, tenantId);
          const { status, text } = await client.ingest(client.events(20), by);
          expect(by === key ? [200, 401, 429] : [200, 429], text).toContain(status);
          state.answers++;
        }
      };
      const senders = Array.from({ length: 12 }, (_, index) => send(keys[index % 2]!));
      while (state.answers < 4) await nextTurn();
      const prefix = createHash("sha256").update(key).digest("hex").slice(0, 16);
      expect((await service.request("DELETE", `/api/v1/admin/api-keys/${prefix}`)).status).toBe(200);
      const head = (await service.get(`/api/v1/head?${legacy.query}`)).json.legacy_head_sequence;
      for (const from = state.answers; state.answers < from + 2 * senders.length; ) await nextTurn();
      state.isOver = true;
      await Promise.all(senders);
      const later = (await service.get(`/api/v1/head?${legacy.query}`)).json.legacy_head_sequence;
      expect(later, `round ${round}`).toBe(head);
      before += head;
    }
    expect(before, "rounds in which some were taken").toBeGreaterThan(0);
  });
});

function anyKeyOf(agent: TestAgent): Record<string, unknown> {
  const { keyId: _, ...unnumbered } = agent.registration();
  return unnumbered;
}

describe("tiny caches", () => {
  it("one cached key serves requests that need many, on any number of threads", async () => {
    await using service = await startService({ CACHE_AGENT_KEY_MAX: "1", VERIFY_THREADS: "3" });
    const agents = await Promise.all(Array.from({ length: 4 }, () => withKeys(service, 8)));
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(agents.map((agent) => agent.ingest(agent.signWithAll())));
      for (const { json, text } of answers) expect(json.eventsAccepted, text).toBe(8);
    }
  });
});

interface ManyKeyed {
  ingest(events: readonly unknown[]): Promise<Answer>;
  signWithAll(): EventEnvelope[];
}

async function withKeys(service: TestService, count: number): Promise<ManyKeyed> {
  const agent = new TestAgent(service, uuid(), uuid(), uuid());
  const seeds = Array.from({ length: count }, () => randomBytes(32));
  for (const [index, seed] of seeds.entries()) {
    Object.assign(agent, { seed, keyId: index + 1 });
    expect((await agent.register()).status).toBe(200);
  }
  const signWith = (seed: Uint8Array, index: number): EventEnvelope =>
    Object.assign(agent, { seed, keyId: index + 1 }).sign();
  return { ingest: (events) => agent.ingest(events), signWithAll: () => seeds.map(signWith) };
}
