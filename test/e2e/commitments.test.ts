/** Commitments against a real service, checked with code that shares none with it. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCommitment, verifyCommitmentChain } from "../../src/protocol/commitment.js";
import { checkChain, listCommitments, streamLeaves, streamQuery } from "../support/commitment-check.js";
import { agentWith, BY_REQUEST_ONLY, COMMITMENTS, commit } from "../support/commitment-maker.js";
import { climb, modelRoot } from "../support/merkle-model.js";
import { startService, type TestAgent, type TestService, uuid } from "../support/service.js";

describe("commitments", () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService(BY_REQUEST_ONLY);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("are created, chained, shown and listed with the same facts", async () => {
    const agent = await agentWith(service, 10);
    const first = await commit(service, agent, 1, 7);
    const second = await commit(service, agent, 8, 8);
    expect(Object.keys(first.json)).toEqual([
      ...["batch_id", "tenant_id", "store_id", "ves_version", "tree_depth", "leaf_count", "padded_leaf_count"],
      ...["merkle_root", "prev_state_root", "new_state_root", "sequence_start", "sequence_end", "committed_at"],
    ]);
    expect(first.json).toMatchObject({ ves_version: 1, tree_depth: 3, leaf_count: 7, padded_leaf_count: 8 });
    expect(first.json.committed_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const leaves = await streamLeaves(service, agent);
    expect(first.json.merkle_root).toBe(modelRoot(leaves.slice(0, 7)).toString("hex"));
    expect(second.json).toMatchObject({ tree_depth: 0, leaf_count: 1, padded_leaf_count: 1 });
    expect(second.json.merkle_root).toBe(leaves[7]!.toString("hex"));
    expect(second.json.prev_state_root).toBe(first.json.new_state_root);

    const shown = await service.get(`${COMMITMENTS}/${first.json.batch_id}`);
    const unanchored = { chain_id: null, chain_tx_hash: null, chain_block_number: null, anchored_at: null };
    expect(shown.json).toEqual({ ...first.json, ...unanchored, is_anchored: false });
    const listed = await service.get(`${COMMITMENTS}?${streamQuery(agent)}`);
    const rows = [first, second].map(({ json }) => ({ ...json, is_anchored: false }));
    expect(listed.json).toEqual({ commitments: rows, count: 2 });
    expect(await checkChain(service, agent)).toHaveLength(2);
    expect(verifyCommitmentChain(rows.map((row) => readCommitment(row)!))).toBeNull();
  });

  it("are found by range and by where they are on chain", async () => {
    const agent = await agentWith(service, 9);
    for (const start of [1, 4, 7]) await commit(service, agent, start, start + 2);
    const starts = async (query: string) => {
      const answer = await service.get(`${COMMITMENTS}?${streamQuery(agent)}&${query}`);
      return answer.json.commitments.map((row: { sequence_start: number }) => row.sequence_start);
    };
    expect(await starts("sequence_start=5")).toEqual([4, 7]);
    expect(await starts("sequence_start=5&sequence_end=6")).toEqual([4]);
    expect(await starts("sequence_end=3")).toEqual([1]);
    expect(await starts("sequence_start=10")).toEqual([]);
    expect(await starts("limit=2")).toEqual([1, 4]);
    expect(await starts("status=all")).toEqual([1, 4, 7]);
    expect(await starts("status=submitted")).toEqual([]);
    expect(await starts("status=anchored")).toEqual([]);
    expect((await service.get(`${COMMITMENTS}?${streamQuery(agent)}&status=lost`)).json.code).toBe(
      "INVALID_FIELD_VALUE",
    );
  });

  it("of the same range are the same, byte for byte", async () => {
    const agent = await agentWith(service, 5);
    const first = await commit(service, agent, 1, 5);
    expect((await commit(service, agent, 1, 5)).text).toBe(first.text);
    await agent.ingest([agent.sign()]);
    await commit(service, agent, 6, 6);
    expect((await commit(service, agent, 1, 5)).text).toBe(first.text);
  });

  it("are refused with a gap, an overlap, a late beginning, a bad range or events that are not there", async () => {
    const agent = await agentWith(service, 10);
    const cases: [number, number, number, string][] = [
      [2, 10, 409, "SEQUENCE_GAP"],
      [0, 5, 400, "INVALID_FIELD_VALUE"],
      [5, 4, 400, "INVALID_FIELD_VALUE"],
      [1, 11, 409, "SEQUENCE_GAP"],
    ];
    const check = async ([start, end, status, code]: [number, number, number, string]) => {
      const refused = await commit(service, agent, start, end);
      expect([refused.status, refused.json.code, start, end]).toEqual([status, code, start, end]);
    };
    for (const refused of cases) await check(refused);
    expect(await listCommitments(service, agent)).toEqual([]);
    expect((await commit(service, agent, 1, 5)).status).toBe(200);
    await check([1, 6, 409, "ALREADY_EXISTS"]);
    await check([3, 8, 409, "ALREADY_EXISTS"]);
    await check([7, 8, 409, "SEQUENCE_GAP"]);
    await check([11, 11, 409, "SEQUENCE_GAP"]);
    expect(await listCommitments(service, agent)).toHaveLength(1);
  });

  it("of a stream without events are refused", async () => {
    const agent = await service.agent();
    expect((await commit(service, agent, 1, 1)).json.code).toBe("SEQUENCE_GAP");
    const next = await service.post(COMMITMENTS, { tenant_id: agent.tenantId, store_id: agent.storeId });
    expect([next.status, next.json.code]).toEqual([400, "INVALID_STATE_TRANSITION"]);
  });

  it("without a range go on behind the last one", async () => {
    const agent = await agentWith(service, 10);
    const stream = { tenant_id: agent.tenantId, store_id: agent.storeId };
    const first = await service.post(COMMITMENTS, { ...stream, max_events: 4 });
    expect([first.json.sequence_start, first.json.sequence_end]).toEqual([1, 4]);
    const second = await service.post(COMMITMENTS, stream);
    expect([second.json.sequence_start, second.json.sequence_end]).toEqual([5, 10]);
    expect((await service.post(COMMITMENTS, stream)).json.code).toBe("INVALID_STATE_TRANSITION");
    for (const bad of [{ max_events: 0 }, { sequence_start: 1 }, { sequence_end: 1 }]) {
      expect((await service.post(COMMITMENTS, { ...stream, ...bad })).json.code).toBe("INVALID_FIELD_VALUE");
    }
  });

  it("by many clients at once come out as one chain", async () => {
    const agent = await agentWith(service, 40);
    const same = await Promise.all(Array.from({ length: 12 }, () => commit(service, agent, 1, 8)));
    expect(new Set(same.map(({ text }) => text)).size).toBe(1);
    const rivals = await Promise.all(Array.from({ length: 12 }, (_, i) => commit(service, agent, 9, 9 + i)));
    expect(rivals.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, json } of rivals) if (status !== 200) expect(json.code).toBe("ALREADY_EXISTS");
    const stream = { tenant_id: agent.tenantId, store_id: agent.storeId, max_events: 1 };
    await Promise.all(Array.from({ length: 30 }, () => service.post(COMMITMENTS, stream)));
    expect((await checkChain(service, agent)).length).toBeGreaterThan(2);
  });

  it("are invisible to other tenants and stores, and to be made by writers only", async () => {
    const agent = await agentWith(service, 3);
    const { tenantId, storeId } = agent;
    const made = await commit(service, agent, 1, 2);
    const reader = await service.apiKey({ tenantId, permissions: "read" });
    const otherStore = await service.apiKey({ tenantId, storeIds: [uuid()], permissions: "admin" });
    const otherTenant = await service.apiKey({ tenantId: uuid(), permissions: "admin" });
    const event = (await service.get(`/api/v1/ves/events?${streamQuery(agent)}`)).json.events[0].event.event_id;
    expect((await commit(service, agent, 3, 3, reader)).json.code).toBe("INSUFFICIENT_PERMISSIONS");
    expect((await service.get(`${COMMITMENTS}/${made.json.batch_id}`, reader)).status).toBe(200);
    for (const key of [otherStore, otherTenant]) {
      expect((await commit(service, agent, 3, 3, key)).json.code).toBe("INSUFFICIENT_PERMISSIONS");
      expect((await service.get(`${COMMITMENTS}?${streamQuery(agent)}`, key)).status).toBe(403);
      expect((await service.get(`/api/v1/ves/proofs/1?${streamQuery(agent)}`, key)).status).toBe(403);
      const hidden = [
        [`${COMMITMENTS}/${made.json.batch_id}`, `${COMMITMENTS}/${uuid()}`],
        [`/api/v1/ves/inclusion-proofs/${event}`, `/api/v1/ves/inclusion-proofs/${uuid()}`],
      ];
      // What is hidden reads exactly like what does not exist.
      for (const [there, absent] of hidden) {
        const [a, b] = await Promise.all([service.get(there!, key), service.get(absent!, key)]);
        expect([a.status, a.json.code, a.json.detail]).toEqual([b.status, b.json.code, b.json.detail]);
        expect(a.status).toBe(404);
      }
    }
    // A commitment of another stream is none, also for somebody who may see both.
    const other = await agentWith(service, 1);
    const mixed = await service.get(`/api/v1/ves/proofs/1?${streamQuery(other)}&batch_id=${made.json.batch_id}`);
    expect([mixed.status, mixed.json.code]).toEqual([404, "BATCH_NOT_FOUND"]);
    expect(tenantId).not.toBe(other.tenantId);
    expect(storeId).not.toBe(other.storeId);
  });

  it("are read strictly", async () => {
    const agent = await agentWith(service, 1);
    const stream = { tenant_id: agent.tenantId, store_id: agent.storeId };
    const range = { sequence_start: 1, sequence_end: 1 };
    for (const body of [
      range,
      { ...stream, ...range, sequence_end: "1" },
      { ...stream, ...range, sequence_end: 1.5 },
    ]) {
      expect((await service.post(COMMITMENTS, body)).status).toBe(422);
    }
    expect((await service.post(COMMITMENTS, "{")).status).toBe(400);
    expect((await service.get(`${COMMITMENTS}/nothing`)).json.code).toBe("INVALID_FIELD_VALUE");
    expect((await service.get(`${COMMITMENTS}?tenant_id=${agent.tenantId}`)).json.code).toBe("MISSING_REQUIRED_FIELD");
    const huge = `{"tenant_id":"${agent.tenantId}","store_id":"${agent.storeId}","sequence_start":1,"sequence_end":18446744073709551615}`;
    expect((await service.post(COMMITMENTS, huge)).status).toBe(422);
  });

  it("are counted", async () => {
    const { text } = await service.get("/metrics");
    expect(text).toMatch(/sequencer_commitments_created\{trigger="request"\} \d+/);
    expect(text).toMatch(/sequencer_ves_merkle_tree_depth_count \d+/);
    expect(text).toMatch(/sequencer_commit_latency_seconds_count \d+/);
    expect(text).toMatch(/sequencer_merkle_tree_bytes [1-9]\d+/);
  });
});

describe("bounds", () => {
  it("a range beyond VES_COMMIT_EVENTS_MAX is refused, proofs outlive every cache", async () => {
    await using service = await startService({
      ...BY_REQUEST_ONLY,
      VES_COMMIT_EVENTS_MAX: "4",
      CACHE_VES_TREE_BYTES_MAX: "0",
      CACHE_PROOF_MAX: "1",
      CACHE_COMMITMENT_MAX: "1",
    });
    const agent = await service.agent();
    await agent.ingest(Array.from({ length: 9 }, () => agent.sign()));
    const stream = { tenant_id: agent.tenantId, store_id: agent.storeId };
    const large = await service.post(COMMITMENTS, { ...stream, sequence_start: 1, sequence_end: 5 });
    expect([large.status, large.json.code]).toEqual([413, "BATCH_TOO_LARGE"]);
    for (let i = 0; i < 3; i++) expect((await service.post(COMMITMENTS, stream)).status).toBe(200);
    const leaves = await streamLeaves(service, agent);
    for (const sequence of [1, 5, 9, 1, 4, 8]) {
      const proof = (await service.get(`/api/v1/ves/proofs/${sequence}?${streamQuery(agent)}`)).json;
      const path = proof.proof_path.map((hash: string) => Buffer.from(hash, "hex"));
      expect(climb(leaves[sequence - 1]!, proof.leaf_index, path).toString("hex")).toBe(proof.merkle_root);
    }
    expect((await service.get("/metrics")).text).toContain("sequencer_merkle_tree_bytes 0");
    await service.crashAndRestart();
    expect(await checkChain(service, agent)).toHaveLength(3);
  });

  it("trees beyond VES_COMMIT_BUILDS_MAX get 429, none is lost", async () => {
    await using service = await startService({ ...BY_REQUEST_ONLY, VES_COMMIT_BUILDS_MAX: "1" });
    const agents = await Promise.all(Array.from({ length: 8 }, () => service.agent()));
    await Promise.all(agents.map((agent) => agent.ingest(Array.from({ length: 200 }, () => agent.sign()))));
    const commitNext = (agent: TestAgent) =>
      service.post(COMMITMENTS, { tenant_id: agent.tenantId, store_id: agent.storeId });
    const answers = await Promise.all(agents.map(commitNext));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, json, headers } of refused) {
      expect([status, json.code, headers.get("retry-after")]).toEqual([429, "OVERLOADED", "1"]);
    }
    for (const agent of agents) {
      await commitNext(agent);
      expect(await checkChain(service, agent)).toHaveLength(1);
    }
  });
});

describe("automatic commitments", () => {
  const QUICK = { VES_COMMIT_INTERVAL_MS: "20" };

  it("come at the event threshold, not before, each with all that waits", async () => {
    await using service = await startService({ ...BY_REQUEST_ONLY, ...QUICK, VES_COMMIT_EVENTS_THRESHOLD: "10" });
    const [below, above] = [await service.agent(), await service.agent()];
    await below.ingest(Array.from({ length: 9 }, () => below.sign()));
    await above.ingest(Array.from({ length: 25 }, () => above.sign()));
    await until(async () => (await listCommitments(service, above)).length > 0);
    expect((await checkChain(service, above)).map(({ sequence_end }) => sequence_end)).toEqual([25]);
    expect(await listCommitments(service, below)).toEqual([]);
    await below.ingest([below.sign()]);
    await until(async () => (await listCommitments(service, below)).length > 0);
    await checkChain(service, below);
    expect((await service.get("/metrics")).text).toContain(`sequencer_commitments_created{trigger="automatic"} 2`);
  });

  it("come when the first event has waited long enough, also after a restart", async () => {
    await using service = await startService({ ...BY_REQUEST_ONLY, ...QUICK, VES_COMMIT_AGE_SECS: "1" });
    const agent = await service.agent();
    const sentMs = Date.now();
    await agent.ingest([agent.sign(), agent.sign()]);
    await service.crashAndRestart();
    await until(async () => (await listCommitments(service, agent)).length > 0);
    expect(Date.now() - sentMs).toBeGreaterThanOrEqual(1000);
    expect((await checkChain(service, agent)).map(({ sequence_end }) => sequence_end)).toEqual([2]);
    // Requests and the automaton share one chain.
    await agent.ingest([agent.sign()]);
    const made = await service.post(COMMITMENTS, { tenant_id: agent.tenantId, store_id: agent.storeId });
    expect(made.json.sequence_start).toBe(3);
    expect(await service.process.stop()).toBe(0);
  });

  it("come in time when the log's last event is of a clock that was set back since", async () => {
    await using service = await startService({ ...BY_REQUEST_ONLY, ...QUICK, VES_COMMIT_AGE_SECS: "1" });
    const [before, after] = [await service.agent(), await service.agent()];
    await before.ingest([before.sign()]);
    await service.process.stop();
    const db = new Database(join(service.folder, "sequencer.db"));
    db.exec(
      "DROP TRIGGER entries_are_never_updated; UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 31536000000",
    );
    db.close();
    await service.startAgain();
    const { receipts } = (await after.ingest([after.sign()])).json;
    expect(Date.parse(receipts[0].sequencedAt)).toBeGreaterThan(Date.now() + 31_000_000_000);
    await until(async () => (await listCommitments(service, after)).length > 0);
    // Once: what comes next waits as long again.
    await after.ingest([after.sign(), after.sign()]);
    await until(async () => (await listCommitments(service, after)).length > 1);
    expect((await listCommitments(service, after)).map(({ sequence_end }) => sequence_end)).toEqual([1, 3]);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
