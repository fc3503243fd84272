/** SIGKILL at random moments while events and commitments are being made: no half commitment, no fork, none lost. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkChain, listCommitments } from "../support/commitment-check.js";
import { agentsOnFourStreams, seededRandom } from "../support/load.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";

const CRASHES = Number(process.env.COMMIT_CRASHES ?? 5);

let service: TestService;
let agents: TestAgent[];

beforeAll(async () => {
  service = await startService({
    VES_COMMIT_EVENTS_THRESHOLD: "40",
    VES_COMMIT_AGE_SECS: "1",
    VES_COMMIT_INTERVAL_MS: "10",
    VES_COMMIT_EVENTS_MAX: "64",
  });
  agents = await agentsOnFourStreams(service, 4);
});
afterAll(() => service[Symbol.asyncDispose]());

it("a crash at any moment leaves one whole chain per stream", async () => {
  const random = seededRandom(TEST_SEED);
  const acknowledged = new Map<string, string>();
  for (let crash = 0; crash < CRASHES; crash++) {
    const stopping = new AbortController();
    const clients = agents.flatMap((agent) => [
      whileUp(stopping.signal, () => agent.ingest(Array.from({ length: 7 }, () => agent.sign()))),
      whileUp(stopping.signal, async () => {
        const stream = {
          tenant_id: agent.tenantId,
          store_id: agent.storeId,
          max_events: 1 + Math.floor(random() * 20),
        };
        const made = await service.post("/api/v1/ves/commitments", stream);
        if (made.status === 200) acknowledged.set(made.json.batch_id, made.text);
      }),
    ]);
    // On a busy machine the first answers take a while; the crash comes at a random moment after one of them.
    const before = acknowledged.size;
    for (let waits = 0; acknowledged.size === before && waits < 1000; waits++) await delay(10);
    await delay(random() * 500);
    await service.process.kill();
    stopping.abort();
    await Promise.all(clients);
    await service.startAgain();
  }
  // Whatever the crashes left uncommitted is committed by age.
  await Promise.all(agents.map((agent) => untilCommitted(agent)));
  const stored = new Map<string, object>();
  for (const agent of agents) for (const row of await checkChain(service, agent)) stored.set(row.batch_id, row);
  expect(acknowledged.size).toBeGreaterThanOrEqual(CRASHES);
  for (const [batchId, text] of acknowledged) {
    expect(stored.get(batchId)).toEqual({ ...JSON.parse(text), is_anchored: false });
  }
});

/** Repeats until told to stop. What fails while the service is down is a client's everyday life. */
async function whileUp(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) await work().catch(() => delay(5));
}

async function untilCommitted(agent: TestAgent): Promise<void> {
  const endMs = Date.now() + 60_000;
  for (;;) {
    const query = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}`;
    const head = (await service.get(`/api/v1/head?${query}`)).json.head_sequence;
    const last = (await listCommitments(service, agent)).at(-1)?.sequence_end ?? 0;
    if (last === head) return;
    if (Date.now() > endMs) throw new Error(`committed ${last} of ${head}`);
    await delay(50);
  }
}
