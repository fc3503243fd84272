import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Edit, encryptedShape, query, rejectionOf, setting } from "../support/rejections.js";
import { type Answer, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

/** Every reason an event can be turned away for (ves-protocol §4.4, §4.5), its words, its place, and what is kept of it. */

describe("rejections", () => {
  let service: TestService;
  let agent: TestAgent;
  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const plain: readonly [string, Edit, string, string][] = [
    ["version", setting("ves_version", 2), "unsupported_version", "Expected VES version 1, got 2"],
    [
      "both payloads",
      (event) => setting("payload_encrypted", encryptedShape())(event),
      "schema_validation: payload_encrypted",
      "payload_encrypted must be omitted for plaintext events",
    ],
    [
      "cipher hash",
      setting("payload_cipher_hash", `0x${"00".repeat(31)}01`),
      "schema_validation: payload_cipher_hash",
      "payload_cipher_hash must be zero for plaintext events",
    ],
    ["created_at", setting("created_at", "yesterday"), "schema_validation: created_at", "created_at must be RFC3339"],
    [
      "no offset",
      setting("created_at", "2025-01-01T00:00:00"),
      "schema_validation: created_at",
      "created_at must be RFC3339",
    ],
    [
      "a time as long as a body",
      setting("created_at", `2025-01-01T00:00:00.${"1".repeat(2 ** 20)}Z`),
      "schema_validation: created_at",
      "created_at must be RFC3339",
    ],
    [
      "the future",
      (event) => setting("created_at", new Date(Date.now() + 3_700_000).toISOString())(event),
      "schema_validation: created_at",
      "created_at is more than 3600 s in the future",
    ],
    ["payload", setting("payload", { total: 1 }), "invalid_payload_hash", "Payload hash verification failed"],
    [
      "plain hash",
      setting("payload_plain_hash", "11".repeat(32)),
      "invalid_payload_hash",
      "Payload hash verification failed",
    ],
    ["unknown key", setting("agent_key_id", 9), "agent_key_invalid: Agent key not found", "Agent key not found"],
    [
      "highest key id",
      setting("agent_key_id", 2 ** 32 - 1),
      "agent_key_invalid: Agent key not found",
      "Agent key not found",
    ],
    [
      "ML-DSA",
      setting("agent_signature_scheme", 2),
      "invalid_signature",
      "Agent signature scheme MlDsa65 is not allowed under the legacy profile",
    ],
    [
      "hybrid",
      setting("agent_signature_scheme", 3),
      "invalid_signature",
      "Agent signature scheme Ed25519MlDsa65 is not allowed under the legacy profile",
    ],
    ...["entity_type", "entity_id", "event_type"].map((name): [string, Edit, string, string] => [
      `signed ${name}`,
      setting(name, "other"),
      "invalid_signature",
      "Agent signature verification failed: VerificationFailed",
    ]),
    [
      "signature",
      setting("agent_signature", "22".repeat(64)),
      "invalid_signature",
      "Agent signature verification failed: VerificationFailed",
    ],
    [
      "another event's id",
      (event) => setting("event_id", uuid())(event),
      "invalid_signature",
      "Agent signature verification failed: VerificationFailed",
    ],
  ];

  it.each(plain)("plain, %s", async (_, edit, reason, message) => {
    const event: Record<string, unknown> = { ...agent.sign() };
    edit(event);
    expect(await rejectionOf(event, agent)).toEqual({ reason, message });
  });

  it("reports the first problem of an event, in the protocol's order", async () => {
    const event: Record<string, unknown> = { ...agent.sign(), agent_signature: "00".repeat(64) };
    const layers: [Edit, string][] = [
      [setting("agent_signature_scheme", 2), "invalid_signature"],
      [setting("agent_key_id", 77), "agent_key_invalid: Agent key not found"],
      [setting("payload_plain_hash", "00".repeat(32)), "invalid_payload_hash"],
      [setting("created_at", "never"), "schema_validation: created_at"],
      [setting("payload_cipher_hash", "01".repeat(32)), "schema_validation: payload_cipher_hash"],
      [setting("payload_encrypted", encryptedShape()), "schema_validation: payload_encrypted"],
      [setting("ves_version", 0), "unsupported_version"],
    ];
    for (const [edit, reason] of layers) {
      edit(event);
      expect((await rejectionOf(event, agent)).reason).toBe(reason);
    }
  });

  it("orders a request's rejections: identity, validity and command, stored command, version", async () => {
    const [taken, fresh] = [uuid(), uuid()];
    const stored = agent.sign({ commandId: taken });
    await agent.ingest([stored]);
    const events = {
      version: agent.sign({ entityId: "x1", baseVersion: 4 }),
      storedCommand: agent.sign({ commandId: taken }),
      forged: { ...agent.sign(), agent_signature: "00".repeat(64) },
      first: agent.sign({ commandId: fresh }),
      batchCommand: agent.sign({ commandId: fresh }),
      changed: agent.sign({ eventId: stored.event_id, payload: { total: 0 } }),
      replay: stored,
    };
    const list = [
      events.version,
      events.storedCommand,
      events.forged,
      events.first,
      events.batchCommand,
      events.changed,
      events.first,
    ];
    const { json } = await agent.ingest(list);
    const idAndReason = json.rejections.map((r: { event_id: string; reason: string }) => [r.event_id, r.reason]);
    expect(idAndReason).toEqual([
      [stored.event_id, "duplicate_event_id"],
      [events.first.event_id, "duplicate_event_id"],
      [events.forged.event_id, "invalid_signature"],
      [events.batchCommand.event_id, "duplicate_command_id"],
      [events.storedCommand.event_id, "duplicate_command_id"],
      [events.version.event_id, "version_conflict: expected 4, actual 0"],
    ]);
    const mixed = await agent.ingest([agent.sign(), events.replay, agent.sign()]);
    expect(mixed.json).toMatchObject({ eventsAccepted: 2, eventsRejected: 0 });
    expect(mixed.json.receipts[0].eventId).toBe(stored.event_id);
  });

  it("compares base_version as the u64 it is", async () => {
    for (const version of ["18446744073709551615", "9007199254740993", "1"]) {
      const text = JSON.stringify(agent.sign({ entityId: "u64", baseVersion: 77777 })).replace("77777", version);
      const { json } = await ingestText(text);
      expect(json.rejections[0].reason).toBe(`version_conflict: expected ${version}, actual 0`);
    }
  });

  it("refuses everything unregistered where schemas are required, a repeated id included", async () => {
    await using strict = await startService({ SCHEMA_VALIDATION_MODE: "required" });
    const own = await strict.agent();
    const event = own.sign({ eventType: "order.made" });
    const { json } = await own.ingest([event, event, { ...own.sign(), ves_version: 9 }]);
    const reasons = json.rejections.map((r: { reason: string }) => r.reason);
    expect(reasons).toEqual(["schema_validation", "schema_validation", "schema_validation"]);
    expect(await rejectionOf(event, own)).toEqual({
      reason: "schema_validation",
      message: "No schema registered for event type 'order.made'",
    });
  });

  it("takes only allowed entity types and bounded futures where options say so", async () => {
    await using strict = await startService({ ALLOWED_ENTITY_TYPES: "order, stock item", MAX_EVENT_FUTURE_SECS: "0" });
    const own = await strict.agent();
    const refused = await rejectionOf(own.sign({ entityType: "customer" }), own);
    expect(refused.reason).toBe("schema_validation: entity_type");
    const early = own.sign({ createdAt: new Date(Date.now() + 5000).toISOString() });
    expect((await rejectionOf(early, own)).message).toBe("created_at is more than 0 s in the future");
    const good = [own.sign({ entityType: "order" }), own.sign({ entityType: "stock item" })];
    expect((await own.ingest(good)).json.eventsAccepted).toBe(2);
  });

  it("keeps the newest records only", async () => {
    await using small = await startService({ REJECTIONS_KEPT_MAX: "3" });
    const own = await small.agent();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const event = { ...own.sign(), ves_version: 9 };
      ids.push(event.event_id.replaceAll("-", ""));
      await own.ingest([event]);
    }
    expect(query(small, "SELECT lower(hex(event_id)) AS id FROM ves_rejections ORDER BY id")).toEqual(
      ids
        .slice(2)
        .sort()
        .map((id) => ({ id })),
    );
  });

  function ingestText(event: string): Promise<Answer> {
    return service.post("/api/v1/ves/events/ingest", `{"agentId":"${agent.agentId}","events":[${event}]}`);
  }
});
