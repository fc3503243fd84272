/** Threads that start with their first task: it works, it fails with a code and heals, and a shutdown may come in between. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RawConnection } from "../support/raw-connection.js";
import { type Answer, startService, type TestAgent, type TestService } from "../support/service.js";
import { beginUpload } from "../support/shutdown.js";

const COMMITMENTS = "/api/v1/ves/commitments";
const OFF = { VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" };
const EVENTS = 3;

async function agentWithEvents(service: TestService): Promise<TestAgent> {
  const agent = await service.agent();
  await agent.ingest(Array.from({ length: EVENTS }, () => agent.sign()));
  return agent;
}

function rangeOf({ tenantId, storeId }: TestAgent): Record<string, unknown> {
  return { tenant_id: tenantId, store_id: storeId, sequence_start: 1, sequence_end: EVENTS };
}

function commit(agent: TestAgent): Promise<Answer> {
  return agent.service.post(COMMITMENTS, rangeOf(agent));
}

describe("the first use of a thread that is started on demand", () => {
  it("answers 503 and says so in the log when it cannot start, disturbs nobody, and works when it can", async () => {
    // The checkpointer would end a service whose database is not where it was.
    await using service = await startService({ ...OFF, CHECKPOINT_INTERVAL_MS: "60000" });
    const agent = await agentWithEvents(service);
    const database = join(service.folder, "sequencer.db");
    renameSync(database, `${database}.away`);
    const refused = await commit(agent);
    expect([refused.status, refused.json.code]).toEqual([503, "SERVICE_UNAVAILABLE"]);
    expect(refused.text).not.toContain(service.folder);
    expect(service.process.lines.join("\n")).toContain("a thread failed; the next task starts another");
    expect((await service.get("/ready")).status).toBe(200);
    expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
    renameSync(`${database}.away`, database);
    expect(await commit(agent)).toMatchObject({ status: 200, json: { leaf_count: EVENTS } });
  });

  it("is answered when the service is told to stop meanwhile", { repeats: 4 }, async () => {
    await using service = await startService(OFF);
    const agent = await agentWithEvents(service);
    using connection = await RawConnection.open(service);
    const answered = connection.post(COMMITMENTS, JSON.stringify(rangeOf(agent)));
    await service.get("/health");
    service.process.signal("SIGTERM");
    expect([200, 503]).toContain((await answered).status);
    expect(await service.process.exited).toBe(0);
  });

  it("does not turn a shutdown that is cut short into a crash", { repeats: 9 }, async () => {
    await using service = await startService(OFF);
    const agent = await agentWithEvents(service);
    using upload = await beginUpload(service);
    using connection = await RawConnection.open(service);
    void connection.post(COMMITMENTS, JSON.stringify(rangeOf(agent))).catch(() => {});
    await service.get("/health");
    service.process.signal("SIGTERM");
    service.process.signal("SIGINT");
    expect(await service.process.exited).toBe(1);
    expect(upload).toBeDefined();
  });
});
