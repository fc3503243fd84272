import { describe, expect, test } from "vitest";
import { type EventEnvelope, generateSigningKey, nobleEd25519, SequencerClient } from "../../../src/client/index.js";
import { verifyEvent } from "../../../src/protocol/agent-event.js";
import { benchOf, settle } from "./support.js";

const AGENT_ID = "22222222-2222-2222-2222-222222222222";
const EVENTS = [{ event_id: "a" }] as unknown as EventEnvelope[];
const ANSWER = {
  batchId: "b",
  eventsAccepted: 1,
  eventsRejected: 1,
  sequenceStart: 5,
  sequenceEnd: 5,
  headSequence: 5,
  rejections: [{ event_id: "a", reason: "invalid_signature", message: "no" }],
  receipts: [{ eventId: "c" }],
};

test.each(["ftp://host", "https://user:secret@host", "https://host/?key=1", "not a url"])(
  "refuses the url %s",
  (url) => {
    expect(() => new SequencerClient({ url })).toThrow(TypeError);
  },
);

test("refuses a key that a header cannot carry, without showing it", () => {
  const make = (): SequencerClient => new SequencerClient({ url: "http://host", apiKey: "ss_a b" });
  expect(make).toThrow(TypeError);
  expect(make).not.toThrow(/ss_a/);
});

test("the key travels in a header, the prefix of the url is kept", async () => {
  const { client, http } = benchOf();
  void client.event("x/../y").catch(() => {});
  await settle();
  expect(http.last.url.href).toBe("https://sequencer.example/base/api/v1/ves/events/x%2F..%2Fy");
  expect(http.last.init.headers).toMatchObject({ authorization: "ApiKey ss_test" });
});

describe("submit", () => {
  const submit = (bench: ReturnType<typeof benchOf>, signal?: AbortSignal) =>
    bench.client.submit(EVENTS, { agentId: AGENT_ID, signal });

  test("reads the answer into the client's names", async () => {
    const bench = benchOf();
    const result = submit(bench);
    await bench.http.last.answer(ANSWER);
    expect(await result).toEqual({
      batchId: "b",
      accepted: 1,
      rejected: 1,
      sequenceStart: 5,
      sequenceEnd: 5,
      headSequence: 5,
      rejections: [{ eventId: "a", reason: "invalid_signature", message: "no" }],
      receipts: [{ eventId: "c" }],
    });
  });

  test.each([
    ["a connection error", 0],
    ["408", 408],
    ["429", 429],
    ["502", 502],
    ["503", 503],
    ["504", 504],
  ])("after %s the same bytes go out again", async (_, status) => {
    const bench = benchOf();
    const result = submit(bench);
    await (status === 0 ? bench.http.last.break() : bench.http.last.answer("", status));
    expect(bench.clock.waits).toContain(50);
    await bench.clock.advance(50);
    expect(bench.http.asked).toHaveLength(2);
    expect(bench.http.asked[1]!.init.body).toBe(bench.http.asked[0]!.init.body);
    await bench.http.last.answer(ANSWER);
    expect(await result).toMatchObject({ accepted: 1 });
  });

  test.each([400, 401, 403, 404, 409, 413, 415, 422, 500])("%d is not tried again", async (status) => {
    const bench = benchOf();
    const refused = expect(submit(bench)).rejects.toMatchObject({ status, code: `HTTP_${status}` });
    await bench.http.last.answer("", status);
    await refused;
    expect([bench.http.asked.length, bench.clock.waits]).toEqual([1, []]);
  });

  test("gives up after the attempts it may make, with the last refusal", async () => {
    const bench = benchOf({}, { retry: { attemptsMax: 5 } });
    const refused = expect(submit(bench)).rejects.toMatchObject({ code: "OVERLOADED", status: 429 });
    for (const waitMs of [50, 100, 200, 400]) {
      await bench.http.last.answer({ code: "OVERLOADED" }, 429);
      expect(bench.clock.waits).toEqual([waitMs]);
      await bench.clock.advance(waitMs);
    }
    await bench.http.last.answer({ code: "OVERLOADED" }, 429);
    await refused;
    expect(bench.http.asked).toHaveLength(5);
  });

  test("waits as long as asked, but not beyond its time", async () => {
    const bench = benchOf();
    const refused = expect(submit(bench)).rejects.toMatchObject({ status: 503, retryAfterSeconds: 20 });
    await bench.http.last.answer("", 503, { "retry-after": "20" });
    expect(bench.clock.waits).toEqual([20_000]);
    await bench.clock.advance(20_000);
    await bench.http.last.answer("", 503, { "retry-after": "20" });
    await refused;
  });

  test.each([-3_600_000, 3_600_000])("tries as often when its clock is set by %i ms meanwhile", async (byMs) => {
    const bench = benchOf();
    const refused = expect(submit(bench)).rejects.toMatchObject({ status: 503, retryAfterSeconds: 25 });
    await bench.http.last.answer("", 503, { "retry-after": "5" });
    bench.clock.set(byMs);
    await bench.clock.advance(5_000);
    await bench.http.last.answer("", 503, { "retry-after": "5" });
    expect(bench.clock.waits).toEqual([5_000]);
    await bench.clock.advance(5_000);
    await bench.http.last.answer("", 503, { "retry-after": "25" });
    await refused;
    expect(bench.http.asked).toHaveLength(3);
  });

  test("an attempt without an answer ends by its deadline", async () => {
    const bench = benchOf({}, { requestTimeoutMs: 1000, retry: { attemptsMax: 1 } });
    const refused = expect(submit(bench)).rejects.toMatchObject({ code: "REQUEST_TIMEOUT", status: 0 });
    await bench.clock.advance(1000);
    await refused;
  });

  test("an abort ends a request and a wait alike, with the signal's reason", async () => {
    for (const isWaiting of [false, true]) {
      const bench = benchOf();
      const abort = new AbortController();
      const reason = new Error("enough");
      const refused = expect(submit(bench, abort.signal)).rejects.toBe(reason);
      if (isWaiting) await bench.http.last.answer("", 503);
      abort.abort(reason);
      await refused;
      expect([bench.http.asked.length, bench.clock.waits]).toEqual([1, []]);
    }
  });

  test("an answer that is no ingest answer is none", async () => {
    const others = { ...ANSWER, rejections: [] };
    for (const body of ["<html>", "[]", { ...ANSWER, eventsAccepted: "1" }, { ...ANSWER, receipts: [{}] }, others]) {
      const bench = benchOf();
      const refused = expect(submit(bench)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
      await bench.http.last.answer(body);
      await refused;
    }
  });

  test("more than a thousand events are refused before anything is sent", async () => {
    const bench = benchOf();
    const events = Array.from({ length: 1001 }, () => EVENTS[0]!);
    await expect(bench.client.submit(events, { agentId: AGENT_ID })).rejects.toMatchObject({ code: "BATCH_TOO_LARGE" });
    expect(bench.http.asked).toHaveLength(0);
  });
});

test("a key registration is sent once: its repeat would be refused", async () => {
  const { client, http, clock } = benchOf();
  const { publicKey } = generateSigningKey();
  const registration = { tenantId: AGENT_ID, agentId: AGENT_ID, publicKey };
  const refused = expect(client.registerAgentKey(registration)).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  await http.last.break();
  await refused;
  expect([http.asked.length, clock.waits]).toEqual([1, []]);
});

test("the sequencer's identity is asked for once, and again only after a failure", async () => {
  const { client, http } = benchOf();
  const refused = expect(client.sequencer()).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  await http.last.answer({ log_id: "l", epoch: 1, sequencer_id: "s", public_key: "00" });
  await refused;
  const [first, second] = [client.sequencer(), client.sequencer()];
  await http.last.answer({ log_id: "l", epoch: 1, sequencer_id: "s", public_key: "07".repeat(32) });
  const signer = { sequencerId: "s", publicKey: new Uint8Array(32).fill(7) };
  expect(await first).toEqual({ logId: "l", epoch: 1, ...signer, former: [] });
  expect(await second).toBe(await first);
  expect(http.asked).toHaveLength(2);
});

test.each([
  ["a tenant that is no UUID", { tenantId: "acme" }],
  ["a key id beyond 31 bits", { keyId: 2 ** 31 }],
  ["a short seed", { seed: new Uint8Array(31) }],
])("an agent with %s is refused", (_, wrong) => {
  const { client } = benchOf();
  const right = {
    tenantId: AGENT_ID,
    storeId: AGENT_ID,
    agentId: AGENT_ID,
    keyId: 1,
    seed: new Uint8Array(32).fill(1),
  };
  expect(() => client.agent({ ...right, ...wrong })).toThrow(TypeError);
});

test("an entity version that is none is refused: JSON would write null, and ask for no version", () => {
  const ids = { tenantId: AGENT_ID, storeId: AGENT_ID, agentId: AGENT_ID };
  const agent = benchOf().client.agent({ ...ids, keyId: 1, seed: new Uint8Array(32).fill(1) });
  const sign = (baseVersion: number) =>
    agent.sign({ entityType: "order", entityId: "1", eventType: "order.paid", payload: {}, baseVersion });
  for (const version of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 53]) {
    expect(() => sign(version)).toThrow(TypeError);
  }
  expect(sign(0).base_version).toBe(0);
});

test("what was signed is what is sent, whatever becomes of the caller's object meanwhile", () => {
  const ids = { tenantId: AGENT_ID, storeId: AGENT_ID, agentId: AGENT_ID };
  const agent = benchOf().client.agent({ ...ids, keyId: 1, seed: new Uint8Array(32).fill(1) });
  const lines = [{ sku: "A", quantity: 1 }];
  const payload = { lines, zero: -0, ["__proto__"]: "a name like others" };
  const envelope = agent.sign({ entityType: "order", entityId: "1", eventType: "order.created", payload });
  const before = JSON.stringify(envelope);
  lines[0]!.quantity = 2;
  lines.push({ sku: "B", quantity: 1 });
  expect(JSON.stringify(envelope)).toBe(before);
  for (const kept of [envelope, JSON.parse(before) as EventEnvelope]) {
    expect(verifyEvent(kept, agent.publicKey, nobleEd25519)).toBe(true);
  }
});

test("a key registration ends with its signal", async () => {
  const { client, http } = benchOf();
  const ids = { tenantId: AGENT_ID, storeId: AGENT_ID, agentId: AGENT_ID };
  const agent = client.agent({ ...ids, keyId: 1, seed: new Uint8Array(32).fill(1) });
  const abort = new AbortController();
  const reason = new Error("enough");
  const refused = expect(agent.registerKey({ signal: abort.signal })).rejects.toBe(reason);
  expect(http.asked).toHaveLength(1);
  abort.abort(reason);
  await refused;
});

test("an answer without end is given up, and read no further", async () => {
  const part = new Uint8Array(1024 * 1024).fill(0x20);
  let sent = 0;
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1;
      controller.enqueue(part);
    },
    cancel() {
      isCancelled = true;
    },
  });
  const client = new SequencerClient({ url: "http://host", fetch: async () => new Response(endless) });
  await expect(client.head()).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  expect(isCancelled).toBe(true);
  // 128 MiB, the part that goes beyond, and one that was read ahead.
  expect(sent).toBeLessThanOrEqual(130);
});
