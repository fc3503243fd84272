import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startService, type TestService, uuid } from "../support/service.js";

/** Ingest end to end: acceptance, partial acceptance, replay, commands and versions (ves-protocol §4-7). */
describe("ingest", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("numbers events from 1 per stream, independently", async () => {
    const a = await service.agent();
    const b = await service.agent();
    const first = await a.ingest([a.sign(), a.sign(), a.sign()]);
    const other = await b.ingest([b.sign()]);
    expect(first.json).toMatchObject({
      eventsAccepted: 3,
      eventsRejected: 0,
      sequenceStart: 1,
      sequenceEnd: 3,
      headSequence: 3,
    });
    expect(other.json).toMatchObject({ eventsAccepted: 1, sequenceStart: 1, sequenceEnd: 1, headSequence: 1 });
    expect(first.json).not.toHaveProperty("rejections");
  });

  it("answers an exact replay with the stored receipt, byte for byte, also after the key is revoked", async () => {
    const agent = await service.agent();
    const event = agent.sign();
    const first = await agent.ingest([event]);
    const again = await agent.ingest([event]);
    expect(again.json).toMatchObject({ eventsAccepted: 0, eventsRejected: 0, sequenceStart: null, headSequence: 1 });
    expect(receiptsOf(again.text)).toBe(receiptsOf(first.text));
    await service.post("/api/v1/agents/keys/revoke", { tenantId: agent.tenantId, agentId: agent.agentId, keyId: 1 });
    expect(receiptsOf((await agent.ingest([event])).text)).toBe(receiptsOf(first.text));
    expect((await agent.ingest([agent.sign()])).json.rejections[0].reason).toBe(
      "agent_key_invalid: Agent key has been revoked",
    );
  });

  it("takes what is good of a batch and names the rest, in the protocol's order", async () => {
    const agent = await service.agent();
    const good = agent.sign();
    const forged = { ...agent.sign(), agent_signature: `0x${"00".repeat(64)}` };
    const conflicting = agent.sign({ entityId: "o", baseVersion: 7 });
    const answer = await agent.ingest([forged, conflicting, good, good]);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ eventsAccepted: 1, eventsRejected: 3, sequenceStart: 1, sequenceEnd: 1 });
    expect(answer.json.rejections.map((rejection: { reason: string }) => rejection.reason)).toEqual([
      "duplicate_event_id",
      "invalid_signature",
      "version_conflict: expected 7, actual 0",
    ]);
  });

  it("uses a command id once", async () => {
    const agent = await service.agent();
    const commandId = uuid();
    const inBatch = await agent.ingest([agent.sign({ commandId }), agent.sign({ commandId })]);
    expect(inBatch.json.rejections).toMatchObject([{ message: `Command ${commandId} duplicated in batch` }]);
    const later = await agent.ingest([agent.sign({ commandId })]);
    expect(later.json.rejections).toMatchObject([{ message: `Command ${commandId} already processed` }]);
  });

  it("releases a command whose event is refused for its version", async () => {
    const agent = await service.agent();
    const commandId = uuid();
    await agent.ingest([agent.sign({ commandId, baseVersion: 3 })]);
    expect((await agent.ingest([agent.sign({ commandId })])).json.eventsAccepted).toBe(1);
  });

  it("counts versions per entity, visibly within one request", async () => {
    const agent = await service.agent();
    const entityId = "order-1";
    const answer = await agent.ingest([0, 1, 2].map((baseVersion) => agent.sign({ entityId, baseVersion })));
    expect(answer.json.eventsAccepted).toBe(3);
    const stale = await agent.ingest([agent.sign({ entityId, baseVersion: 2 })]);
    expect(stale.json.rejections[0].reason).toBe("version_conflict: expected 2, actual 3");
  });

  it("refuses an event id that is stored with other contents or in another stream, after its signature was checked", async () => {
    const agent = await service.agent();
    const stranger = await service.agent();
    const event = agent.sign();
    await agent.ingest([event]);
    const changed = agent.sign({ eventId: event.event_id, payload: { total: 1 } });
    const moved = stranger.sign({ eventId: event.event_id });
    expect((await agent.ingest([changed])).json.rejections[0].message).toBe(
      "Event ID already exists with different contents",
    );
    expect((await stranger.ingest([moved])).json.rejections[0].message).toBe("Event ID already exists");
    const forged = { ...moved, agent_signature: event.agent_signature };
    expect((await stranger.ingest([forged])).json.rejections[0].reason).toBe("invalid_signature");
  });
});

function receiptsOf(body: string): string {
  return body.slice(body.indexOf('"receipts":'));
}
