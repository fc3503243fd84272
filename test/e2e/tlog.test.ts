import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromHex } from "../../src/base/bytes.js";
import { leafRecordOfFrame } from "../../src/protocol/tlog-leaf.js";
import { verifyConsistency, verifyInclusion } from "../../src/protocol/tlog-proof.js";
import { leafHash } from "../../src/protocol/tlog-tree.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { sendBatch, signBatches } from "../support/load.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, startService, type TestAgent, type TestService } from "../support/service.js";
import { type AuditedCheckpoint, TlogAuditor } from "../support/tlog-auditor.js";

/** The whole log as a Merkle tree that anyone may audit without a credential (C2SP tlog-tiles, issue 5 item 4). */

const EVENTS = 700;

describe("the log's tree", () => {
  let service: TestService;
  let agents: TestAgent[];
  let auditor: TlogAuditor;

  beforeAll(async () => {
    service = await startService({ TLOG_CHECKPOINT_INTERVAL_MS: "50", TLOG_ORIGIN: "log.example/tlog" });
    const { key } = await untilCheckpoint(service);
    auditor = new TlogAuditor(`${service.url}/tlog`, key);
    agents = [await service.agent(), await service.agent()];
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const covering = (size: number): Promise<AuditedCheckpoint> =>
    until(
      () => auditor.checkpoint(),
      (checkpoint) => checkpoint.size >= size,
    );

  it("has a checkpoint before it has an entry", async () => {
    const empty = await auditor.checkpoint();
    expect(empty.size).toBe(0);
    expect(empty.root.toString("hex")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const { log_id: logId, epoch } = (await service.get("/api/v1/head")).json;
    expect(empty.origin).toBe(`log.example/tlog/${logId}/${epoch}`);
  });

  it("is accepted by a checker written from the public texts, entry by entry", async () => {
    for (const [index, agent] of agents.entries()) {
      for (const batch of signBatches(agent, EVENTS / 2, () => 50, { payload: { secret: `of tenant ${index}` } })) {
        expect((await sendBatch(service, batch)).status).toBe(200);
      }
    }
    const checkpoint = await covering(EVENTS);
    const records = await auditor.audit(checkpoint);
    expect(records).toHaveLength(EVENTS);
    for (let from = 0; from < EVENTS; from += 100) {
      const { entries } = (await service.get(`/api/v1/log?from_offset=${from}&limit=100`)).json;
      for (const entry of entries) {
        const record = leafRecordOfFrame(JSON.stringify(entry))!;
        expect(records[entry.offset]!.equals(record), `leaf of entry ${entry.offset}`).toBe(true);
      }
    }
  });

  it("shows no auditor what is in an entry, whose it is, or how large a stream is", async () => {
    const checkpoint = await covering(EVENTS);
    const all = Buffer.concat(await auditor.audit(checkpoint));
    const secrets = agents.flatMap(({ tenantId, storeId, agentId }) => [tenantId, storeId, agentId]);
    for (const id of secrets) {
      expect(all.includes(id)).toBe(false);
      expect(all.includes(Buffer.from(id.replaceAll("-", ""), "hex"))).toBe(false);
    }
    expect(all.includes("secret")).toBe(false);
    expect(all.length).toBe(EVENTS * 74);
  });

  it("proves inclusion and consistency of every size asked for", async () => {
    const { size, root } = await covering(EVENTS);
    const newest = (await service.get("/api/v1/log/checkpoint")).json;
    expect(newest).toMatchObject({ size, root: root.toString("hex"), cosignatures: 0 });
    for (const offset of [0, 1, 255, 256, 511, EVENTS - 1]) {
      const { json } = await service.get(`/api/v1/log/inclusion?offset=${offset}`);
      const proof = json.proof.map(hash32);
      expect(json.leaf_hash).toBe(Buffer.from(leafHash(Buffer.from(json.leaf, "hex"))).toString("hex"));
      expect(verifyInclusion(hash32(json.leaf_hash), offset, proof, { size, root })).toBe(true);
      expect(verifyInclusion(hash32(json.leaf_hash), offset + 1, proof, { size, root })).toBe(false);
    }
    for (const from of [0, 1, 255, 256, 257, 512, EVENTS - 1, EVENTS]) {
      const { json } = await service.get(`/api/v1/log/consistency?from=${from}&to=${size}`);
      expect(json.from_root).toBe((await auditor.rootAt(from)).toString("hex"));
      const older = { size: from, root: hash32(json.from_root) };
      expect(verifyConsistency(older, { size, root }, json.proof.map(hash32))).toBe(true);
    }
    const older = (await service.get("/api/v1/log/inclusion?offset=3&size=300")).json;
    const head = { size: 300, root: await auditor.rootAt(300) };
    expect(verifyInclusion(hash32(older.leaf_hash), 3, older.proof.map(hash32), head)).toBe(true);
  });

  it("serves tiles for as long as the origin is the same, and checkpoints for now", async () => {
    const tile = await fetch(`${service.url}/tlog/tile/0/000`);
    expect(tile.headers.get("content-type")).toBe("application/octet-stream");
    // Another origin has other tiles under the same path: caches keep them, and ask.
    expect(tile.headers.get("cache-control")).toBe("public, no-cache");
    const etag = tile.headers.get("etag")!;
    expect(etag).toMatch(/^"[0-9a-f]{16}"$/);
    for (const tags of [etag, `"other", W/${etag}`]) {
      const same = await fetch(`${service.url}/tlog/tile/0/000`, { headers: { "if-none-match": tags } });
      expect([same.status, await same.text(), same.headers.get("etag")]).toEqual([304, "", etag]);
      expect([same.headers.get("cache-control"), same.headers.has("content-length")]).toEqual([
        "public, no-cache",
        false,
      ]);
    }
    const other = await fetch(`${service.url}/tlog/tile/0/000`, { headers: { "if-none-match": etag.slice(0, -2) } });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, 256 * 32]);
    const note = await fetch(`${service.url}/tlog/checkpoint`);
    expect(note.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(note.headers.get("cache-control")).toBe("no-store");
    // A partial tile stays available after it has filled up.
    const partial = Buffer.from(await (await fetch(`${service.url}/tlog/tile/0/000.p/17`)).arrayBuffer());
    expect(partial.equals(Buffer.from(await tile.arrayBuffer()).subarray(0, 17 * 32))).toBe(true);
  });

  it("answers nothing beyond what is signed, and nothing that is no tile", async () => {
    const { size } = await covering(EVENTS);
    const width = size % 256;
    const tiles = ["0/002", `0/002.p/${width + 1}`, "1/000", "1/000.p/3", "2/000.p/1", "63/000.p/1", "entries/002"];
    const strange = [
      "0/x001",
      "0/2",
      "0/%30",
      "a/000",
      "0/000.p/256",
      "0/000.p/0",
      "0/x000/001",
      "-1/000",
      "0/000.p/1/2",
    ];
    for (const path of [...tiles, `entries/002.p/${width + 1}`, "0/x999/x999/x999/x999/999", ...strange]) {
      expectProblem(await service.get(`/tlog/tile/${path}`), "RESOURCE_NOT_FOUND");
    }
    const path = "/api/v1/log/";
    expectProblem(await service.get(`${path}inclusion?offset=${size}`), "RESOURCE_NOT_FOUND");
    expectProblem(await service.get(`${path}inclusion?offset=0&size=${size + 1}`), "RESOURCE_NOT_FOUND");
    expectProblem(await service.get(`${path}consistency?from=1&to=${size + 1}`), "RESOURCE_NOT_FOUND");
    expectProblem(await service.get(`${path}consistency?from=2&to=1`), "INVALID_FIELD_VALUE");
    expectProblem(await service.get(`${path}inclusion`), "MISSING_REQUIRED_FIELD");
    for (const bad of ["-1", "1.5", "x", "", "9007199254740993", "1e3"]) {
      expectProblem(await service.get(`${path}inclusion?offset=${bad}`), "INVALID_FIELD_VALUE");
    }
  });

  it("is described in the served document", async () => {
    const { paths, components } = (await service.get("/openapi.json")).json;
    const answers = ["checkpoint", "inclusion?offset=1", "consistency?from=1"];
    for (const name of answers) {
      const path = `/api/v1/log/${name}`;
      const schema = paths[path.split("?")[0]!].get.responses["200"].content["application/json"].schema;
      const validate = new Ajv2020({ strict: false }).compile({ ...schema, components });
      expect(validate((await service.get(path)).json), JSON.stringify(validate.errors)).toBe(true);
    }
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/tlog/checkpoint", "/tlog/tile/{level}/{index}"]));
  });

  it("refuses at once what is more than it answers", async () => {
    await using small = await startService({ TLOG_QUESTIONS_MAX: "1" });
    await untilCheckpoint(small);
    const path = "/api/v1/log/consistency?from=0&to=0";
    let refused: Answer[] = [];
    // On a busy machine they may come one by one.
    for (let round = 0; refused.length === 0; round++) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => small.get(path)));
      refused = answers.filter(({ status }) => status !== 200);
      for (const answer of refused) expectProblem(answer, "OVERLOADED");
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect(round).toBeLessThan(100);
    }
    expect((await small.get(path)).status).toBe(200);
  });
});

it("a flood of questions about large entries holds no checkpoint up", async () => {
  const [entries, connections] = [16, 64];
  const checkpoints = 6;
  await using service = await startService({ TLOG_CHECKPOINT_INTERVAL_MS: "50", TLOG_QUESTIONS_MAX: "256" });
  const agent = await service.agent();
  const note = "x".repeat(1_000_000);
  for (let i = 0; i < entries; i += 8) {
    await agent.ingest(Array.from({ length: 8 }, () => agent.sign({ payload: { note } })));
  }
  await untilCheckpoint(service, entries);
  let answered = 0;
  let isOver = false;
  const flood = Array.from({ length: connections }, async () => {
    while (!isOver) {
      const bundle = await fetch(`${service.url}/tlog/tile/entries/000.p/${entries}`);
      await bundle.arrayBuffer();
      if (bundle.status === 200) answered += 1;
    }
  });
  while (answered < connections) await new Promise((resolve) => setTimeout(resolve, 5));
  let meanwhile = 0;
  for (let more = 1; more <= checkpoints; more++) {
    await agent.ingest([agent.sign()]);
    const before = answered;
    await untilCheckpoint(service, entries + more);
    meanwhile += answered - before;
  }
  // A few turns of the thread with an answer each: not half of all that wait at any time.
  expect(meanwhile / checkpoints).toBeLessThan(connections / 4);
  isOver = true;
  await Promise.all(flood);
});

function hash32(hex: string): Uint8Array {
  return fromHex(hex, 32)!;
}

async function until<T>(look: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (isDone(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

it("a tree that was switched off is caught up when it is on again", async () => {
  await using service = await startService({ TLOG_ENABLED: "false", TLOG_CHECKPOINT_INTERVAL_MS: "50" });
  const agent = await service.agent();
  expect((await agent.ingest([agent.sign(), agent.sign()])).status).toBe(200);
  for (const path of ["/tlog/checkpoint", "/api/v1/log/checkpoint", "/api/v1/log/inclusion?offset=0&size=1"]) {
    expectProblem(await service.get(path), "SERVICE_UNAVAILABLE");
  }
  await service.process.stop();
  await service.startAgain({ TLOG_ENABLED: "true" });
  const { key } = await untilCheckpoint(service, 2);
  const auditor = new TlogAuditor(`${service.url}/tlog`, key);
  expect(await auditor.audit(await auditor.checkpoint())).toHaveLength(2);
});
