/** The SDK's proofs against a real service, and against one that lies: every forged answer is refused by name. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fetch, SequencerClient, type VesEntry } from "../../src/client/index.js";
import { verifyCommitmentChain } from "../../src/protocol/commitment.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { LegacyClient } from "../support/legacy-client.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";

const ed25519 = selectEd25519();

/** Changes what the service answers: the JSON of the routes whose path has `part` in it. */
type Lie = { readonly part: string; readonly tell: (answer: Record<string, unknown>) => unknown };

describe("proofs through the SDK", () => {
  let service: TestService;
  let agent: TestAgent;
  let entry: VesEntry;
  let key: string;

  beforeAll(async () => {
    service = await startService({
      ...{ VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0", TLOG_CHECKPOINT_INTERVAL_MS: "50" },
    });
    agent = await service.agent();
    await agent.ingest(Array.from({ length: 11 }, () => agent.sign()));
    const stream = { tenant_id: agent.tenantId, store_id: agent.storeId };
    await service.post("/api/v1/ves/commitments", { ...stream, sequence_start: 1, sequence_end: 4 });
    await service.post("/api/v1/ves/commitments", { ...stream, sequence_start: 5, sequence_end: 11 });
    entry = (await honest().events({ ...streamOf(), from: 7, limit: 1 })).entries[0]!;
    key = (await untilCheckpoint(service, 11)).key;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const streamOf = () => ({ tenantId: agent.tenantId, storeId: agent.storeId });
  const clientWith = (fetch: Fetch): SequencerClient =>
    new SequencerClient({ url: service.url, apiKey: service.adminKey, fetch, ed25519 });
  const honest = (): SequencerClient => clientWith(globalThis.fetch);

  function lying(...lies: readonly Lie[]): SequencerClient {
    return clientWith(async (url, init) => {
      const response = await fetch(url, init);
      const lie = lies.find(({ part }) => url.includes(part));
      if (lie === undefined) return response;
      const told = lie.tell((await response.json()) as Record<string, unknown>);
      return new Response(JSON.stringify(told), { status: 200 });
    });
  }

  it("shows commitments that chain, and an event in the one that covers it", async () => {
    const client = honest();
    const commitments = await client.commitments(streamOf());
    expect(commitments.map(({ sequenceStart, sequenceEnd }) => [sequenceStart, sequenceEnd])).toEqual([
      [1, 4],
      [5, 11],
    ]);
    expect(verifyCommitmentChain(commitments)).toBeNull();
    expect(await client.commitment(commitments[1]!.batchId)).toEqual(commitments[1]);
    const proven = await client.proveInclusion(entry);
    expect(proven).toMatchObject({ sequenceNumber: 7, leafIndex: 2, commitment: commitments[1]! });
    await expect(client.commitment(agent.agentId)).rejects.toMatchObject({ code: "BATCH_NOT_FOUND" });
  });

  const flip = (hex: unknown): string => String(hex).replace(/^./, (digit) => (digit === "0" ? "1" : "0"));

  it.each<[string, string, Lie["tell"]]>([
    ["a forged sibling", "PROOF_INVALID", (a) => ({ ...a, proof_path: (a.proof_path as string[]).map(flip) })],
    ["a shorter path", "PROOF_INVALID", (a) => ({ ...a, proof_path: (a.proof_path as string[]).slice(1) })],
    ["another number", "PROOF_INVALID", (a) => ({ ...a, sequence_number: 8 })],
    ["another leaf's place", "PROOF_INVALID", (a) => ({ ...a, leaf_index: Number(a.leaf_index) + 1 })],
    ["another root", "PROOF_INVALID", (a) => ({ ...a, merkle_root: flip(a.merkle_root) })],
    ["another commitment's id", "PROOF_INVALID", (a) => ({ ...a, batch_id: agent.agentId })],
    [
      "a commitment with another root",
      "COMMITMENT_INVALID",
      (a) => ({ ...a, commitment: { ...(a.commitment as object), merkle_root: flip(a.merkle_root) } }),
    ],
    ["no proof", "INVALID_RESPONSE", (a) => ({ ...a, proof_path: "none" })],
    ["no commitment", "INVALID_RESPONSE", (a) => ({ ...a, commitment: { batch_id: "x" } })],
  ])("refuses %s with %s", async (_, code, tell) => {
    const client = lying({ part: "inclusion-proofs", tell });
    await expect(client.proveInclusion(entry)).rejects.toMatchObject({ code });
  });

  it("refuses commitments of another stream than the one asked for", async () => {
    const other = { tenantId: agent.tenantId.toUpperCase(), storeId: agent.agentId };
    const own = (
      await service.get(`/api/v1/ves/commitments?tenant_id=${agent.tenantId}&store_id=${agent.storeId}&status=all`)
    ).json;
    const client = lying({ part: "ves/commitments?", tell: () => own });
    await expect(client.commitments(other)).rejects.toMatchObject({ code: "COMMITMENT_INVALID" });
    const spelled = { tenantId: other.tenantId, storeId: agent.storeId.toUpperCase() };
    expect(await client.commitments(spelled)).toHaveLength(own.count);
  });

  it("refuses another commitment than the one asked for", async () => {
    const [first, second] = (await honest().commitments(streamOf())).map(({ batchId }) => batchId);
    const own = (await service.get(`/api/v1/ves/commitments/${first}`)).json;
    const client = lying({ part: "ves/commitments/", tell: () => own });
    await expect(client.commitment(second!)).rejects.toMatchObject({ code: "COMMITMENT_INVALID" });
    expect((await client.commitment(first!.toUpperCase())).batchId).toBe(first);
  });

  it("refuses the proof of another event", async () => {
    const other = (await honest().events({ ...streamOf(), from: 8, limit: 1 })).entries[0]!;
    const proof = (await service.get(`/api/v1/ves/inclusion-proofs/${other.event.event_id}`)).json;
    const client = lying({ part: "inclusion-proofs", tell: () => ({ ...proof, sequence_number: 7 }) });
    await expect(client.proveInclusion(entry)).rejects.toMatchObject({ code: "PROOF_INVALID" });
  });

  it("follows the log's checkpoints across growth and across a stop, and shows entries of both kinds in it", async () => {
    const client = honest();
    const first = client.auditLog({ key });
    expect(first.position).toBeNull();
    const { size } = await first.advance();
    expect(size).toBeGreaterThanOrEqual(11);
    const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
    await legacy.ingest([legacy.event({ payload: { at: 100 } })]);
    const event = agent.sign();
    await agent.ingest([event]);
    await untilCheckpoint(service, size + 2);
    const later = client.auditLog({ key, position: first.position! });
    const text = await client.eventText(event.event_id);
    expect(await later.verifyLogged(text)).toMatchObject({ offset: size + 1 });
    expect(later.checkpoint!.size).toBeGreaterThan(size);
    const [frame] = (await service.get(`/api/v1/log?from_offset=${size}&limit=1`)).text.match(/\{"kind".*\}(?=\]\}$)/)!;
    expect(await later.verifyLogged(frame!)).toMatchObject({ offset: size });
    await expect(later.verifyLogged(text.replace('"total":99.99', '"total":1'))).rejects.toMatchObject({
      code: "PROOF_INVALID",
    });
    await expect(later.verifyLogged("{}")).rejects.toMatchObject({ code: "PROOF_INVALID" });
  });

  it("refuses a log that shrank, forked, changed its name or is signed by somebody else", async () => {
    const { checkpoint: early } = await untilCheckpoint(service, 11);
    const audit = honest().auditLog({ key });
    const { size } = await audit.advance();
    await agent.ingest([agent.sign(), agent.sign()]);
    await untilCheckpoint(service, size + 2);
    const grown = honest().auditLog({ key, position: audit.position! });
    await grown.advance();
    const position = grown.position!;

    const shrunk = lying({ part: "log/checkpoint", tell: () => ({ checkpoint: audit.position }) });
    await expect(shrunk.auditLog({ key, position }).advance()).rejects.toMatchObject({ code: "LOG_SHRUNK" });

    const forged = lying({ part: "log/consistency", tell: (a) => ({ ...a, proof: (a.proof as string[]).map(flip) }) });
    const resumed = forged.auditLog({ key, position: audit.position! });
    await expect(resumed.advance()).rejects.toMatchObject({ code: "LOG_FORKED" });
    expect(resumed.position).toBe(audit.position);

    // Another log under the same name and key: what a restored copy that signed on would show.
    const seed = new Uint8Array(32).fill(9);
    const { encodeNoteKey, NOTE_ED25519, signNote } = await import("../../src/protocol/signed-note.js");
    const { checkpointText } = await import("../../src/protocol/tlog-checkpoint.js");
    const origin = "log.example/fork";
    const own = encodeNoteKey({ name: origin, type: NOTE_ED25519, publicKey: ed25519.publicKey(seed) });
    const signed = (count: number, fill: number, name = origin): string =>
      signNote(
        checkpointText({ origin: name, size: count, root: new Uint8Array(32).fill(fill) }),
        origin,
        seed,
        ed25519,
      );
    const fork = lying({ part: "log/checkpoint", tell: () => ({ checkpoint: signed(5, 2) }) });
    const forked = fork.auditLog({ key: own, position: signed(5, 1) });
    await expect(forked.advance()).rejects.toMatchObject({ code: "LOG_FORKED" });
    const renamed = lying({ part: "log/checkpoint", tell: () => ({ checkpoint: signed(5, 1, "log.example/other") }) });
    await expect(renamed.auditLog({ key: own }).advance()).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    // As the same log after a restore: its origin, and the key's name, are of the next epoch.
    const restored = fork.auditLog({ key, position });
    await expect(restored.advance()).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    expect(restored.position).toBe(position);
    expect(() => honest().auditLog({ key, position: signed(5, 1) })).toThrow(/it is of log\.example/);
    const named = key.split("+")[0]!;
    const text = checkpointText({ origin: named, size: 5, root: new Uint8Array(32) });
    const forger = lying({
      part: "log/checkpoint",
      tell: () => ({ checkpoint: signNote(text, named, seed, ed25519) }),
    });
    await expect(forger.auditLog({ key }).advance()).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });

    const unsigned = early.replace(/\n\n.*/s, "\n\n");
    for (const checkpoint of [unsigned, "", early.replace(/^(.*\n)\d+/, "$199999")]) {
      const liar = lying({ part: "log/checkpoint", tell: () => ({ checkpoint }) });
      await expect(liar.auditLog({ key }).advance()).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });
    }
    expect(() => honest().auditLog({ key, position: unsigned })).toThrow(/no checkpoint/);
    expect(() => honest().auditLog({ key: "frob" })).toThrow(TypeError);
  });

  it("refuses a forged way to the log's root and another leaf under the entry's offset", async () => {
    const text = await honest().eventText(entry.event.event_id);
    const lies: Lie["tell"][] = [
      (a) => ({ ...a, proof: (a.proof as string[]).map(flip) }),
      (a) => ({ ...a, proof: [] }),
      (a) => ({ ...a, proof: [1] }),
      (a) => ({ ...a, leaf: flip(a.leaf) }),
      (a) => ({ ...a, leaf: "00" }),
    ];
    for (const tell of lies) {
      const audit = lying({ part: "log/inclusion", tell }).auditLog({ key });
      await expect(audit.verifyLogged(text)).rejects.toMatchObject({ code: "PROOF_INVALID" });
    }
  });

  it("verifies the receipts of legacy events in a subscription, whatever their numbers look like", async () => {
    const legacy = new LegacyClient(service);
    const from = (await honest().head()).nextOffset;
    const { createHash } = await import("node:crypto");
    for (const payload of ['{"price":100.0,"qty":2}', '{"n":18446744073709551615}', '"text"']) {
      const hash = createHash("sha256").update(payload).digest("hex");
      const event = legacy.event({ payload: "@", payload_hash: hash });
      const body = JSON.stringify({ agent_id: legacy.agentId, events: [event] }).replace('"@"', payload);
      expect((await service.post("/api/v1/events/ingest", body)).json.events_accepted).toBe(1);
    }
    const client = new SequencerClient({ url: service.url, apiKey: service.adminKey, ed25519 });
    const { entries } = await client.log({ fromOffset: from });
    for (const found of entries) expect(await client.verifyEntry(found)).toBe(true);
    const forged = { ...entries[0]!, event: { ...entries[0]!.event, payload: { price: 1, qty: 2 } } } as VesEntry;
    expect(await client.verifyEntry(forged)).toBe(false);
    const subscription = client.subscribe({ fromOffset: from, verify: true });
    let seen = 0;
    for await (const { kind } of subscription) {
      expect(kind).toBe("event");
      if (++seen === 3) break;
    }
  });
});
