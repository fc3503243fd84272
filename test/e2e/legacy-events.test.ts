/** Legacy events against a real service: ingest, rejections, reads, their place in the one order, and who may do what. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LegacyClient } from "../support/legacy-client.js";
import { modelPayloadHash } from "../support/legacy-model.js";
import { storedCounts } from "../support/rejections.js";
import { startService, type TestService, uuid } from "../support/service.js";

const INGEST = "/api/v1/events/ingest";

describe("legacy events", () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService({ ALLOWED_ENTITY_TYPES: "order,customer,Zoë" });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const client = (): LegacyClient => new LegacyClient(service);
  const reasons = (answer: { json: { rejections?: { reason: string }[] } }): string[] =>
    (answer.json.rejections ?? []).map(({ reason }) => reason);

  it("get numbers from 1, gap-free, apart from the VES events of their stream", async () => {
    const agent = await service.agent();
    const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
    await agent.ingest([agent.sign(), agent.sign(), agent.sign()]);
    const first = await legacy.ingest(legacy.events(2));
    expect(first.status).toBe(200);
    expect(Object.keys(first.json)).toEqual([
      ...["batch_id", "events_accepted", "events_rejected", "assigned_sequence_start", "assigned_sequence_end"],
      "head_sequence",
    ]);
    const { batch_id: _, ...counts } = first.json;
    expect(counts).toEqual({
      ...{ events_accepted: 2, events_rejected: 0, assigned_sequence_start: 1, assigned_sequence_end: 2 },
      head_sequence: 2,
    });
    const bad = legacy.event({ payload_hash: "00".repeat(32) });
    const second = await legacy.ingest([legacy.event(), bad, legacy.event()]);
    expect(second.json).toMatchObject({ assigned_sequence_start: 3, assigned_sequence_end: 4, events_rejected: 1 });
    expect((await legacy.stored()).map(({ sequence_number }) => sequence_number)).toEqual([1, 2, 3, 4]);
    expect((await service.get(`/api/v1/head?${legacy.query}`)).json).toMatchObject({
      ...{ head_sequence: 3, legacy_head_sequence: 4 },
    });
    const ves = await service.get(`/api/v1/ves/events?${legacy.query}`);
    expect(ves.json.events.map((entry: { kind: string }) => entry.kind)).toEqual(Array(3).fill("ves_event"));
  });

  it("come back as they were sent, with their number, UTC time and exact payload text", async () => {
    const legacy = client();
    const payload = '{"z":[1,2.50,1e2,100.0,18446744073709551615],"a":{"🦊":null}}';
    const sent = legacy.event({
      ...{ command_id: uuid(), base_version: 0, signature: [0, 127, 255], sequence_number: 77, unknown: "member" },
      ...{ entity_type: "Zoë", entity_id: 'a "b"\\c/é%', created_at: "2025-11-20T12:30:00.123456+02:00" },
    });
    const text = '{"a":{"🦊":null},"z":[1,2.5,100.0,100.0,18446744073709551615]}';
    const hash = createHash("sha256").update(text).digest("hex");
    const events = [{ ...sent, payload: "@", payload_hash: hash }];
    const body = JSON.stringify({ agent_id: legacy.agentId, events }).replace('"@"', payload);
    const answer = await service.post(INGEST, body);
    expect(answer.json).toMatchObject({ events_accepted: 1 });
    const read = await service.get(`/api/v1/events?${legacy.query}`);
    expect(read.text).toContain(`"payload":${text},"payload_hash":"${hash}"`);
    const { payload: _, payload_hash: __, unknown: ___, ...kept } = sent as unknown as Record<string, unknown>;
    expect(read.json.events[0].envelope).toMatchObject({
      ...kept,
      ...{ envelope_version: 1, sequence_number: 1, created_at: "2025-11-20T10:30:00.123456Z" },
    });
    expect(read.json.events[0].envelope).not.toHaveProperty("unknown");
    expect(read.json.events[0].sequenced_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(read.json.count).toBe(1);
    const path = `/api/v1/entities/${encodeURIComponent("Zoë")}/${encodeURIComponent('a "b"\\c/é%')}?${legacy.query}`;
    expect((await service.get(path)).json).toMatchObject({ total: 1, count: 1, has_more: false });
    expect((await service.get(path)).json.events).toEqual(read.json.events);
  });

  it("are rejected one by one, each with the original's reason and message", async () => {
    const legacy = client();
    const command = uuid();
    const first = legacy.event({ command_id: command, entity_id: "e" });
    await legacy.ingest([first]);
    const again = legacy.event();
    const otherCommand = uuid();
    const answer = await legacy.ingest([
      legacy.event({ payload_hash: "11".repeat(32) }),
      again,
      again,
      first,
      { ...first, payload_hash: "22".repeat(32) },
      legacy.event({ command_id: command }),
      legacy.event({ command_id: otherCommand }),
      legacy.event({ command_id: otherCommand }),
      legacy.event({ entity_id: "e", base_version: 0 }),
      legacy.event({ entity_id: "e", base_version: 1 }),
      legacy.event({ entity_id: "e", base_version: 1 }),
      legacy.event({ entity_id: "new", base_version: 3 }),
      legacy.event({ entity_type: "frob" }),
      legacy.event({ created_at: "2999-01-01T00:00:00Z" }),
    ]);
    expect(answer.json.events_accepted).toBe(3);
    expect(
      answer.json.rejections.map(({ reason, message }: { reason: string; message: string }) => [reason, message]),
    ).toEqual([
      ["SchemaValidation", "entity_type 'frob' is not allowed here"],
      ["SchemaValidation", expect.stringMatching(/created_at is more than \d+ s in the future/)],
      ["InvalidPayloadHash", "Payload hash does not match payload"],
      ["DuplicateEventId", `Event ${again.event_id} duplicated in batch`],
      ["DuplicateEventId", `Event ${first.event_id} already exists`],
      ["DuplicateEventId", `Event ${first.event_id} duplicated in batch`],
      ["DuplicateCommandId", `Command ${command} already processed`],
      ["DuplicateCommandId", `Command ${otherCommand} duplicated in batch`],
      ["VersionConflict", "Version conflict: expected 0, actual 1"],
      ["VersionConflict", "Version conflict: expected 1, actual 2"],
      ["VersionConflict", "Version conflict: expected 3, actual 0"],
    ]);
    expect((await legacy.stored()).map(({ sequence_number }) => sequence_number)).toEqual([1, 2, 3, 4]);
  });

  it("sent again change nothing: every event is a duplicate, whoever sends it and under which stream", async () => {
    const legacy = client();
    const events = legacy.events(5);
    await legacy.ingest(events);
    const before = storedCounts(service);
    const again = await legacy.ingest(events);
    expect(again.json).toMatchObject({ events_accepted: 0, assigned_sequence_start: null, head_sequence: 5 });
    expect(reasons(again)).toEqual(Array(5).fill("DuplicateEventId"));
    const other = client();
    const stolen = await other.ingest(other.events(1).map((event) => ({ ...event, event_id: events[0]!.event_id })));
    expect(reasons(stolen)).toEqual(["DuplicateEventId"]);
    expect(storedCounts(service).entries).toBe(before.entries);
  });

  it("share ids and entity versions with VES events, but no command ids", async () => {
    const agent = await service.agent();
    const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
    const command = uuid();
    const signed = agent.sign({ entityId: "shared", commandId: command });
    await agent.ingest([signed]);
    const taken = await legacy.ingest([legacy.event({ event_id: signed.event_id })]);
    expect(taken.json.rejections[0].message).toBe(`Event ${signed.event_id} already exists`);
    const next = legacy.event({ entity_id: "shared", base_version: 1, command_id: command });
    expect((await legacy.ingest([next])).json.events_accepted).toBe(1);
    expect((await agent.ingest([agent.sign({ entityId: "shared", baseVersion: 2 })])).json.eventsAccepted).toBe(1);
    const clash = await agent.ingest([agent.sign({ eventId: next.event_id as ReturnType<typeof uuid> })]);
    expect(clash.json.rejections[0]).toMatchObject({ reason: "duplicate_event_id" });
  });

  it("stand in the one order with an offset and a receipt, in the log, the filter and the subscription", async () => {
    const agent = await service.agent();
    const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
    const from = (await service.get("/api/v1/head")).json.next_offset as number;
    await agent.ingest([agent.sign()]);
    const event = legacy.event();
    await legacy.ingest([event]);
    await agent.ingest([agent.sign()]);
    const log = (await service.get(`/api/v1/log?from_offset=${from}&${legacy.query}`)).json.entries;
    expect(log.map(({ kind, offset, sequence_number: n }: Record<string, unknown>) => [kind, offset, n])).toEqual([
      ["ves_event", from, 1],
      ["event", from + 1, 1],
      ["ves_event", from + 2, 2],
    ]);
    expect(log[1].event).toMatchObject(event);
    expect(log[1].receipt).toMatchObject({ eventId: event.event_id, sequenceNumber: 1, signatureAlg: "ed25519" });
    for (const kind of ["event", "ves_event"]) {
      const only = (await service.get(`/api/v1/log?from_offset=${from}&${legacy.query}&kind=${kind}`)).json.entries;
      expect(only.map((entry: { kind: string }) => entry.kind)).toEqual(kind === "event" ? [kind] : [kind, kind]);
    }
    expect((await service.get("/api/v1/log?kind=frob")).json.code).toBe("INVALID_FIELD_VALUE");
    // A legacy event is none of the VES routes' business.
    expect((await service.get(`/api/v1/ves/events/${event.event_id}`)).json.code).toBe("EVENT_NOT_FOUND");
    const inputs = await service.get(`/api/v1/ves/compliance/${event.event_id}/inputs?policy_id=aml.threshold`);
    expect(inputs.json.code).toBe("EVENT_NOT_FOUND");
  });

  it("of an empty request ask nothing of anyone", async () => {
    const reader = await service.apiKey({ tenantId: uuid(), permissions: "read" });
    const answer = await service.post(INGEST, { agent_id: uuid(), events: [] }, reader);
    const { batch_id: _, ...counts } = answer.json;
    expect(counts).toEqual({
      ...{ events_accepted: 0, events_rejected: 0, assigned_sequence_start: null, assigned_sequence_end: null },
      head_sequence: 0,
    });
  });

  it("are refused as a whole when the request is wrong, and leave nothing", async () => {
    const legacy = client();
    const good = legacy.event();
    const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    const before = storedCounts(service);
    const cases: [unknown, number, string][] = [
      [
        { agent_id: legacy.agentId, events: [good, { ...legacy.event(), store_id: uuid() }] },
        400,
        "INVALID_FIELD_VALUE",
      ],
      [{ agent_id: uuid(), events: [good] }, 400, "INVALID_FIELD_VALUE"],
      [{ agent_id: legacy.agentId, events: [{ ...good, entity_type: "" }] }, 400, "INVALID_FIELD_VALUE"],
      [{ agent_id: legacy.agentId, events: [{ ...good, entity_id: "é".repeat(257) }] }, 400, "INVALID_FIELD_VALUE"],
      [{ agent_id: legacy.agentId, events: [{ ...good, event_type: "x".repeat(257) }] }, 400, "INVALID_FIELD_VALUE"],
      [
        { agent_id: legacy.agentId, events: [{ ...good, payload_hash: `0x${good.payload_hash}` }] },
        422,
        "UNPROCESSABLE_BODY",
      ],
      [{ agent_id: legacy.agentId, events: [{ ...good, created_at: "yesterday" }] }, 422, "UNPROCESSABLE_BODY"],
      [{ agent_id: legacy.agentId, events: [{ ...good, base_version: -1 }] }, 422, "UNPROCESSABLE_BODY"],
      [{ agent_id: legacy.agentId, events: [{ ...good, signature: [256] }] }, 422, "UNPROCESSABLE_BODY"],
      [{ agent_id: legacy.agentId, events: [{ ...good, signature: Array(8193).fill(1) }] }, 422, "UNPROCESSABLE_BODY"],
      [{ agent_id: legacy.agentId, events: good }, 422, "UNPROCESSABLE_BODY"],
      [{ events: [good] }, 422, "UNPROCESSABLE_BODY"],
      ...["event_id", "payload", "payload_hash", "source_agent", "created_at"].map(
        (name): [unknown, number, string] => [
          { agent_id: legacy.agentId, events: [without(name)] },
          ...([422, "UNPROCESSABLE_BODY"] as const),
        ],
      ),
      ["{", 400, "INVALID_REQUEST_BODY"],
      [{ agent_id: legacy.agentId, events: Array(1001).fill(good) }, 413, "BATCH_TOO_LARGE"],
      [{ agent_id: legacy.agentId, events: [{ ...good, payload: "x".repeat(1_048_576) }] }, 413, "PAYLOAD_TOO_LARGE"],
    ];
    for (const [body, status, code] of cases) {
      const refused = await service.post(INGEST, body);
      expect([refused.status, refused.json.code], JSON.stringify(body).slice(0, 200)).toEqual([status, code]);
      expect(refused.headers.get("x-error-code")).toBe(code);
    }
    expect(storedCounts(service)).toEqual(before);
  });

  it("page by number and by entity as the original does", async () => {
    const legacy = client();
    await legacy.ingest(Array.from({ length: 12 }, (_, at) => legacy.event({ entity_id: at % 3 === 0 ? "a" : "b" })));
    const numbers = async (query: string) => {
      const { json } = await service.get(`/api/v1/events?${legacy.query}&${query}`);
      expect(json.count).toBe(json.events.length);
      return json.events.map((event: { envelope: { sequence_number: number } }) => event.envelope.sequence_number);
    };
    expect(await numbers("from=0&limit=5")).toEqual([1, 2, 3, 4]);
    expect(await numbers("from=5&limit=5")).toEqual([5, 6, 7, 8, 9]);
    expect(await numbers("from=10&limit=5000")).toEqual([10, 11, 12]);
    expect(await numbers("from=13")).toEqual([]);
    expect(await numbers("from=0&limit=1")).toEqual([]);
    expect(await numbers(`from=${"9".repeat(20)}`)).toEqual([]);
    expect((await service.get(`/api/v1/events?${legacy.query}&limit=0`)).json.error.message).toBe(
      "limit must be greater than 0",
    );
    const history = async (query: string) =>
      (await service.get(`/api/v1/entities/order/a?${legacy.query}&${query}`)).json;
    const places = (json: { events: { envelope: { sequence_number: number } }[] }) =>
      json.events.map(({ envelope }) => envelope.sequence_number);
    const start = await history("limit=3");
    expect([places(start), start.count, start.total, start.has_more]).toEqual([[1, 4, 7], 3, 4, true]);
    const rest = await history("from=3&limit=0");
    expect([places(rest), rest.count, rest.total, rest.has_more]).toEqual([[10], 1, 4, false]);
    expect(await history("from=99")).toMatchObject({ events: [], count: 0, total: 4, has_more: false });
    const none = await service.get(`/api/v1/entities/order/nobody?${legacy.query}`);
    expect(none.json).toEqual({
      ...{ entity_type: "order", entity_id: "nobody", count: 0, total: 0, has_more: false, events: [] },
    });
    const long = await service.get(`/api/v1/entities/${"x".repeat(129)}/y?${legacy.query}`);
    expect([long.status, long.json.code]).toEqual([400, "INVALID_FIELD_VALUE"]);
  });

  it("larger than a page of the store are read whole", async () => {
    const legacy = client();
    const payload = { text: "x".repeat(200_000) };
    const hash = modelPayloadHash(payload);
    for (let batch = 0; batch < 2; batch++) {
      await legacy.ingest(
        Array.from({ length: 5 }, () => legacy.event({ payload, payload_hash: hash, entity_id: "big" })),
      );
    }
    expect((await service.get(`/api/v1/events?${legacy.query}`)).json.count).toBe(10);
    expect((await service.get(`/api/v1/entities/order/big?${legacy.query}`)).json.count).toBe(10);
  });

  it("are what a credential allows: agent, write, tenant and store", async () => {
    const legacy = client();
    await legacy.ingest([legacy.event()]);
    const { tenantId, storeId, agentId } = legacy;
    const keys = {
      bound: await service.apiKey({ tenantId, agentId }),
      other: await service.apiKey({ tenantId, agentId: uuid() }),
      reader: await service.apiKey({ tenantId, permissions: "read" }),
      stranger: await service.apiKey({ tenantId: uuid() }),
      elsewhere: await service.apiKey({ tenantId, storeIds: [uuid()] }),
      store: await service.apiKey({ tenantId, storeIds: [storeId] }),
    };
    const before = storedCounts(service);
    const refusal = async (key: string) => (await legacy.ingest([legacy.event()], key)).json.error?.message;
    expect(await refusal(keys.other)).toBe("Agent mismatch");
    expect(await refusal(keys.reader)).toBe("Write permission required");
    expect(await refusal(keys.stranger)).toBe("Tenant access denied");
    expect(await refusal(keys.elsewhere)).toBe("Store access denied");
    expect(storedCounts(service)).toEqual(before);
    expect((await legacy.ingest([legacy.event()], keys.bound)).status).toBe(200);
    expect((await legacy.ingest([legacy.event()], keys.store)).status).toBe(200);
    for (const path of [`/api/v1/events?${legacy.query}`, `/api/v1/entities/order/x?${legacy.query}`]) {
      expect((await service.get(path, keys.reader)).status).toBe(200);
      for (const key of [keys.stranger, keys.elsewhere]) {
        expect((await service.get(path, key)).json.code).toBe("INSUFFICIENT_PERMISSIONS");
      }
    }
    expect((await service.request("POST", INGEST, { key: "ss_nobody", body: {} })).json.code).toBe("INVALID_API_KEY");
  });
});
