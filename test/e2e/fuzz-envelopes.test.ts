import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FuzzAgent } from "../support/fuzz/fuzz-agent.js";
import { FuzzStream } from "../support/fuzz/fuzz-stream.js";
import { HttpClient } from "../support/fuzz/http-client.js";
import { judgeEvent } from "../support/fuzz/judge.js";
import { Random } from "../support/fuzz/random.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestService } from "../support/service.js";

/**
 * Mutated envelopes against the real service: no crash, no 5xx, nothing accepted but what an independent judge finds
 * validly signed, nothing stored for what was rejected, the same receipts for what is sent again.
 * FUZZ_ENVELOPES = how many; a seed repeats a run of the same count.
 */
const MUTANTS = Number(process.env.FUZZ_ENVELOPES ?? 5000);
const STREAMS = 16;

describe(`${MUTANTS} mutated envelopes, seed ${TEST_SEED}`, () => {
  let service: TestService;
  const clients: HttpClient[] = [];
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await service[Symbol.asyncDispose]();
  });

  it("answers and stores exactly what the protocol says", { timeout: 180_000 + 3 * MUTANTS }, async () => {
    const startedMs = performance.now();
    const streams: FuzzStream[] = [];
    for (let i = 0; i < STREAMS; i++) {
      const random = new Random(TEST_SEED + i);
      const agent = await FuzzAgent.register(service, random);
      const { tenantId, storeId } = agent.context;
      const client = new HttpClient(service.process.port, await service.apiKey({ tenantId, storeIds: [storeId] }), 1);
      clients.push(client);
      streams.push(new FuzzStream(agent, client, random));
    }
    await Promise.all(streams.map((stream) => stream.run(Math.ceil(MUTANTS / STREAMS))));
    const figures = sum(streams);
    expect(figures.accepted).toBeGreaterThan(MUTANTS / 50);
    expect(figures.rejected).toBeGreaterThan(MUTANTS / 50);
    expect(figures.refused).toBeGreaterThan(MUTANTS / 50);

    const offsets = new Set<number>();
    for (const [index, stream] of streams.entries())
      for (const offset of await storedOffsets(clients[index]!, stream)) offsets.add(offset);
    expect(offsets.size).toBe(figures.accepted);
    expect((await service.get("/api/v1/head")).json.next_offset).toBe(figures.accepted);
    expect(Math.max(...[...offsets].slice(0, 1000), 0)).toBeLessThan(figures.accepted);
    expect(service.process.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    console.log(JSON.stringify({ ...figures, seconds: Math.round((performance.now() - startedMs) / 100) / 10 }));
  });
});

/** Reads the whole stream back: what is stored is what the model accepted, in its order, each entry judged again. */
async function storedOffsets(client: HttpClient, stream: FuzzStream): Promise<number[]> {
  const { context } = stream.agent;
  const wanted = [...stream.model.events];
  const offsets: number[] = [];
  for (let from = 1; ; ) {
    const query = `tenant_id=${context.tenantId}&store_id=${context.storeId}&from=${from}&limit=1000`;
    const { text } = await client.send("GET", `/api/v1/ves/events?${query}`);
    const { events } = JSON.parse(text) as { events: StoredEntry[] };
    for (const { offset, sequence_number, event } of events) {
      const [id, normal] = wanted[sequence_number - 1] ?? [];
      const judged = judgeEvent(event, context);
      expect(sequence_number).toBe(from++);
      expect(judged).toMatchObject({ kind: "signed", id, normal });
      offsets.push(offset);
    }
    if (events.length === 0) break;
  }
  expect(offsets.length).toBe(wanted.length);
  return offsets;
}

interface StoredEntry {
  readonly offset: number;
  readonly sequence_number: number;
  readonly event: unknown;
}

function sum(streams: readonly FuzzStream[]) {
  const total = { mutants: 0, requests: 0, refused: 0, accepted: 0, replayed: 0, rejected: 0 };
  const statuses: Record<string, number> = {};
  for (const { counts } of streams) {
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += counts[name];
    for (const [status, count] of Object.entries(counts.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  }
  return { ...total, statuses };
}
