/** The client SDK against the real service: the guarantees of `stateset-sequencer/client`, on real sockets. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import { platformClock } from "../../src/client/client-clock.js";
import {
  type Agent,
  type ConnectionEvent,
  decryptEvent,
  type EventEnvelope,
  generateEncryptionKeyPair,
  generateSigningKey,
  type LogEntry,
  nobleEd25519,
  proofOfPossession,
  SequencerClient,
  type SequencerClientOptions,
  type SubscribeOptions,
  type Subscription,
  type TrustedSigner,
  verifyEntry,
  verifyReceipt,
  type WebSocketConstructor,
} from "../../src/client/index.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { startService, type TestService, uuid } from "../support/service.js";

const CATCH_UP_MAX = 50;

/** What a browser offers: no headers, no pause, no terminate, and not a word about a handshake that failed. */
class BrowserWebSocket {
  binaryType = "blob";
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onclose: ((event: object) => void) | null = null;
  readonly #socket: NodeWebSocket;

  constructor(url: string, protocols: string[], ...rest: unknown[]) {
    expect(rest).toEqual([]);
    this.#socket = new NodeWebSocket(url, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.onopen?.({});
    this.#socket.onmessage = ({ data }) => this.onmessage?.({ data });
    this.#socket.onerror = () => this.onerror?.({});
    this.#socket.onclose = () => this.onclose?.({});
  }

  close(): void {
    this.#socket.close();
  }
}

const transports: readonly [string, WebSocketConstructor][] = [
  ["ws", NodeWebSocket],
  ["browser", BrowserWebSocket],
];

describe("client SDK", () => {
  let service: TestService;
  let agent: Agent;
  const identity = { tenantId: uuid(), storeId: uuid(), agentId: uuid(), keyId: 1 };
  const key = generateSigningKey();

  const clientOf = (options: Partial<SequencerClientOptions> = {}): SequencerClient =>
    new SequencerClient({
      url: service.url,
      apiKey: service.adminKey,
      WebSocket: NodeWebSocket,
      ed25519: selectEd25519(),
      ...options,
    });

  const events = (count: number, of: Agent = agent): EventEnvelope[] =>
    Array.from({ length: count }, (_, index) =>
      of.sign({
        entityType: "order",
        entityId: `ORD-${index}`,
        eventType: "order.created",
        payload: { total_minor: 1999 + index, currency: "EUR" },
      }),
    );

  beforeAll(async () => {
    service = await startService({
      SEQ_WS_MAX_CATCHUP_EVENTS: String(CATCH_UP_MAX),
      SEQ_WS_MAX_SUBSCRIBERS: "3",
      VERIFY_THREADS: "1",
    });
    agent = clientOf().agent({ ...identity, seed: key.seed });
    await agent.registerKey();
  });
  afterAll(() => service?.[Symbol.asyncDispose]());

  test("registers, lists and revokes keys; a revoked key signs no more", async () => {
    const client = clientOf();
    const agentId = uuid();
    const spare = generateSigningKey();
    const first = client.agent({ ...identity, agentId, seed: spare.seed });
    await expect(first.registerKey()).resolves.toEqual({ tenantId: identity.tenantId, agentId, keyId: 1 });
    const encryption = await generateEncryptionKeyPair();
    await client.registerAgentKey({
      tenantId: identity.tenantId,
      agentId,
      keyId: 7,
      keyType: "encryption",
      publicKey: encryption.publicKey,
      proofOfPossession: proofOfPossession(spare.seed, encryption.publicKey),
      signingKeyId: 1,
    });
    const keys = await client.listAgentKeys({ tenantId: identity.tenantId, agentId });
    expect(keys.map(({ keyId, keyType, status }) => [keyId, keyType, status])).toEqual([
      [1, "signing", "active"],
      [7, "encryption", "active"],
    ]);
    await expect(first.registerKey()).rejects.toMatchObject({
      name: "SequencerError",
      code: "ALREADY_EXISTS",
      status: 409,
    });
    expect((await first.submit(events(1, first))).accepted).toBe(1);
    await client.revokeAgentKey({ tenantId: identity.tenantId, agentId, keyId: 1, reason: "rotated" });
    const refused = await first.submit(events(1, first));
    expect(refused.rejections[0]!.reason).toMatch(/^agent_key_invalid/);
  });

  test("an exact replay has the same receipts, and they verify offline with noble alone", async () => {
    const client = clientOf();
    const envelopes = events(20);
    const first = await agent.submit(envelopes);
    const second = await agent.submit(envelopes);
    expect(first).toMatchObject({ accepted: 20, rejected: 0 });
    expect(second).toMatchObject({ accepted: 0, rejected: 0, receipts: first.receipts });
    const sequencer = await client.sequencer();
    for (const [index, receipt] of first.receipts.entries()) {
      expect(verifyReceipt(envelopes[index]!, receipt, sequencer, { agentPublicKey: key.publicKey })).toBe(true);
    }
    const { entries, headSequence } = await client.events({
      ...identity,
      from: first.sequenceStart!,
      limit: 1000,
    });
    expect(headSequence).toBe((await client.head(identity)).headSequence);
    expect(entries.map(({ event }) => event.event_id)).toEqual(envelopes.map(({ event_id }) => event_id));
    const entry = await client.event(envelopes[3]!.event_id);
    expect(verifyEntry(entry, sequencer, { agentPublicKey: key.publicKey, ed25519: nobleEd25519 })).toBe(true);
    const forged = { ...entry, event: { ...entry.event, payload: { total_minor: 1 } } };
    expect(verifyEntry(forged, sequencer)).toBe(false);
    expect(await client.verifyEntry({ ...entry, sequence_number: entry.sequence_number + 1 })).toBe(false);
  });

  test("an encrypted event travels closed and opens for its recipient only", async () => {
    const client = clientOf();
    const [recipient, stranger] = await Promise.all([generateEncryptionKeyPair(), generateEncryptionKeyPair()]);
    const payload = { card_last4: "4242", name: "Æther Ltd" };
    const input = { entityType: "customer", entityId: "C-1", eventType: "customer.updated", payload };
    const envelope = await agent.encrypt(input, [{ kid: 9, publicKey: recipient.publicKey }]);
    expect(await agent.submit([envelope])).toMatchObject({ accepted: 1 });
    const entry = await client.event(envelope.event_id);
    expect(await client.verifyEntry(entry, key.publicKey)).toBe(true);
    // Neither can be part of an id, of hex or of base64.
    for (const clear of ["card_last4", "Æther"]) expect(JSON.stringify(entry)).not.toContain(clear);
    expect(await decryptEvent(entry.event, { kid: 9, secretKey: recipient.secretKey })).toEqual(payload);
    const wrong = decryptEvent(entry.event, { kid: 9, secretKey: stranger.secretKey });
    await expect(wrong).rejects.toMatchObject({ code: "KeyUnwrapFailed" });
  });

  test("refusals keep their code, status and request id", async () => {
    const unknown = clientOf({ apiKey: `ss_${"x".repeat(40)}` });
    await expect(unknown.head()).rejects.toMatchObject({ code: "INVALID_API_KEY", status: 401 });
    await expect(clientOf().event(uuid())).rejects.toMatchObject({
      code: "EVENT_NOT_FOUND",
      status: 404,
      requestId: expect.stringMatching(/./),
    });
    const tooMany = Array.from({ length: 1001 }, () => ({}) as EventEnvelope);
    await expect(agent.submit(tooMany)).rejects.toMatchObject({ code: "BATCH_TOO_LARGE", status: 0 });
  });

  test.each(transports)("%s: every cursor refusal reaches the consumer by name", async (_, WebSocket) => {
    const client = clientOf({ WebSocket });
    const { nextOffset, logId, epoch } = await client.head();
    const first = (options: SubscribeOptions, of = client) => of.subscribe(options).next();
    await expect(first({ fromOffset: nextOffset + 1000 })).rejects.toMatchObject({ code: "CURSOR_IN_FUTURE" });
    await expect(first({ log: { logId: uuid(), epoch } })).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    await expect(first({ log: { logId, epoch: epoch + 1 } })).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    const stranger = clientOf({ WebSocket, apiKey: `ss_${"y".repeat(40)}` });
    await expect(first({}, stranger)).rejects.toMatchObject({ code: "INVALID_API_KEY" });
  });

  test.each(transports)("%s: every offset exactly once through a crash, from far behind", async (_, WebSocket) => {
    const client = clientOf({ WebSocket });
    while ((await client.head()).nextOffset < 6 * CATCH_UP_MAX) await agent.submit(events(100));
    const start = (await client.head()).nextOffset;
    const target = start + 600;
    const steps: ConnectionEvent[] = [];
    const subscription = client.subscribe({
      verify: await client.sequencer(),
      onTransition: ({ event }) => steps.push(event),
      bufferEntriesMax: 100,
    });
    const writing = (async () => {
      for (let round = 0; round < 12; round++) {
        if (round === 6) {
          await until(() => subscription.state === "live");
          await service.crashAndRestart();
        }
        const result = await agent.submit(events(50));
        expect(result.receipts).toHaveLength(50);
      }
    })();
    const offsets: number[] = [];
    for await (const { offset } of subscription) {
      offsets.push(offset);
      if (offset === target - 1) break;
    }
    await writing;
    expect(offsets).toEqual(Array.from({ length: target }, (_, index) => index));
    expect(steps).toEqual(expect.arrayContaining(["handshake_failed", "page_more", "opened", "socket_lost"]));
    expect(subscription.counts.gaps).toBe(0);
    expect(subscription.state).toBe("closed");
  });

  test.each(transports)(
    "%s: a slow consumer holds a bounded number of entries and misses none",
    async (_, WebSocket) => {
      const client = clientOf({ WebSocket });
      const { nextOffset: fromOffset } = await client.head();
      const steps: ConnectionEvent[] = [];
      const subscription = client.subscribe({
        fromOffset,
        bufferEntriesMax: 16,
        batch: false,
        onTransition: ({ event }) => steps.push(event),
      });
      const first = subscription.next();
      await until(() => subscription.state === "live");
      await agent.submit(events(1));
      const offsets = [(await first).value!.offset];
      for (let round = 0; round < 4; round++) await agent.submit(events(500));
      await until(() => subscription.state === "paused" || subscription.state === "draining");
      // One read of a socket is at most 64 KiB: what was read when the buffer filled is still taken.
      expect(subscription.buffered).toBeLessThan(16 + 100);
      for await (const { offset } of subscription) {
        offsets.push(offset);
        if (offsets.length % 50 === 0) await pause(2);
        if (offsets.length === 2001) break;
      }
      expect(offsets).toEqual(Array.from({ length: 2001 }, (_, index) => fromOffset + index));
      expect(steps).toContain("buffer_low");
      expect(subscription.counts.gaps).toBe(0);
    },
  );

  test.each(transports)(
    "%s: without a free place it goes on by pages, and live once there is one",
    async (_, WebSocket) => {
      const client = clientOf({ WebSocket });
      const { nextOffset: fromOffset } = await client.head();
      const others = Array.from({ length: 3 }, () => clientOf().subscribe({ fromOffset }));
      const waiting = others.map((other) => other.next());
      await until(() => others.every(({ state }) => state === "live"));
      const subscription = client.subscribe({ fromOffset });
      const received: LogEntry[] = [];
      const reading = take(subscription, 20, received);
      await agent.submit(events(10));
      await until(() => received.length === 10);
      expect(subscription.state).not.toBe("live");
      await Promise.all(others.map((other) => other.return()));
      await Promise.all(waiting);
      await until(() => subscription.state === "live");
      await agent.submit(events(10));
      await reading;
      expect(received.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 20 }, (_, index) => fromOffset + index),
      );
    },
  );

  test("a tenant's key and filters: gaps in the offsets are not failures", async () => {
    const client = clientOf();
    const { nextOffset: fromOffset } = await client.head();
    const other = client.agent({ tenantId: uuid(), storeId: uuid(), agentId: uuid(), keyId: 1, seed: key.seed });
    await other.registerKey();
    const apiKey = await service.apiKey({ tenantId: other.tenantId, permissions: "read" });
    const narrowed = clientOf({ apiKey }).subscribe({ fromOffset });
    const filtered = client.subscribe({ fromOffset, tenantId: other.tenantId, entityType: "order" });
    const received: LogEntry[][] = [[], []];
    const reading = [take(narrowed, 6, received[0]!), take(filtered, 6, received[1]!)];
    await until(() => narrowed.state === "live" && filtered.state === "live");
    for (let round = 0; round < 3; round++) {
      await agent.submit(events(5));
      await other.submit(events(2, other));
    }
    await Promise.all(reading);
    const expected = [5, 6, 12, 13, 19, 20].map((offset) => fromOffset + offset);
    for (const entries of received) expect(entries.map(({ offset }) => offset)).toEqual(expected);
    expect([narrowed.counts.gaps, filtered.counts.gaps, filtered.counts.reconnects]).toEqual([0, 0, 0]);
  });

  test("an abort rejects the consumer with its reason and frees the place at once", async () => {
    const client = clientOf();
    const { nextOffset } = await client.head();
    const abort = new AbortController();
    const subscription = client.subscribe({ fromOffset: nextOffset, signal: abort.signal });
    const next = subscription.next();
    await until(() => subscription.state === "live");
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(next).rejects.toBe(reason);
    await expect(subscription.next()).rejects.toBe(reason);
    expect(subscription.state).toBe("closed");
    await expect(client.subscribe({ signal: abort.signal }).next()).rejects.toBe(reason);
    await expect(agent.submit(events(1), { signal: abort.signal })).rejects.toBe(reason);
  });

  test("receipts are checked a turn at a time: whatever else the application does goes on", async () => {
    let elapsedMs = 0;
    // A millisecond or two each, by this clock ten.
    const clock = { ...platformClock, elapsedMs: () => (elapsedMs += 10) };
    const { nextOffset: fromOffset } = await clientOf().head();
    await agent.submit(events(200));
    const subscription = clientOf({ clock }).subscribe({ fromOffset, verify: await clientOf().sequencer() });
    await subscription.next();
    await until(() => subscription.buffered === 199);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (subscription.state !== "closed") setImmediate(count);
    };
    setImmediate(count);
    const received: LogEntry[] = [];
    await take(subscription, 199, received);
    expect(received.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 199 }, (_, index) => fromOffset + 1 + index),
    );
    expect(turns).toBeGreaterThan(199 / 10);
  });

  test("silence is checked against the log, and a position carries over to the next subscription", async () => {
    const client = clientOf();
    const { nextOffset } = await client.head();
    const steps: ConnectionEvent[] = [];
    const options = {
      fromOffset: nextOffset,
      quietMs: 50,
      onTransition: ({ event }: { event: ConnectionEvent }) => steps.push(event),
    };
    const subscription = client.subscribe(options);
    const received: LogEntry[] = [];
    const reading = take(subscription, 3, received);
    await until(() => steps.filter((step) => step === "quiet").length >= 3);
    // Only until there is something: a look may find an entry in the log whose frame is still on its way.
    expect(steps).not.toContain("behind");
    await agent.submit(events(5));
    await reading;
    const { nextOffset: fromOffset, log } = subscription.position;
    expect(fromOffset).toBe(nextOffset + 3);
    const resumed = client.subscribe({ fromOffset, log });
    await take(resumed, 5, received);
    expect(received.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4].map((index) => nextOffset + index));
  });

  test("in Node it is ws, not the platform's own, which neither pauses nor ends with a dead connection", async () => {
    let made = 0;
    class PlatformSocket extends NodeWebSocket {
      constructor(url: string, protocols: string[]) {
        made += 1;
        super(url, protocols);
      }
    }
    const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
    Object.defineProperty(globalThis, "WebSocket", { value: PlatformSocket, configurable: true });
    try {
      const { nextOffset } = await clientOf().head();
      const client = new SequencerClient({ url: service.url, apiKey: service.adminKey });
      const subscription = client.subscribe({ fromOffset: nextOffset });
      const ended = subscription.next();
      await until(() => subscription.state === "live");
      await subscription.return();
      await ended;
      expect(made).toBe(0);
    } finally {
      if (before === undefined) Reflect.deleteProperty(globalThis, "WebSocket");
      else Object.defineProperty(globalThis, "WebSocket", before);
    }
  });

  test("keys to verify with that are hex, or went through JSON, are no keys: not the receipts are wrong", async () => {
    const client = clientOf();
    const { publicKey } = await client.sequencer();
    const hex = Buffer.from(publicKey).toString("hex") as unknown as Uint8Array;
    const saved = JSON.parse(JSON.stringify(await client.sequencer())) as TrustedSigner;
    for (const verify of [{ publicKey: hex }, saved, { publicKey, former: [{ publicKey: hex }] }]) {
      expect(() => client.subscribe({ verify })).toThrow(TypeError);
    }
    expect((await client.subscribe({ verify: { publicKey, former: [{ publicKey }] } }).next()).done).toBe(false);
  });

  test("without a constructor the platform or ws provides one", async () => {
    const { nextOffset } = await clientOf().head();
    const client = new SequencerClient({ url: `${service.url}/`, apiKey: service.adminKey });
    const subscription = client.subscribe({ fromOffset: nextOffset });
    const received: LogEntry[] = [];
    const reading = take(subscription, 1, received);
    await until(() => subscription.state === "live");
    await agent.submit(events(1));
    await reading;
    expect(received[0]!.offset).toBe(nextOffset);
  });
});

async function take(subscription: Subscription, count: number, into: LogEntry[]): Promise<void> {
  for await (const entry of subscription) {
    into.push(entry);
    if (into.length >= count) break;
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 50_000;
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`never true: ${condition}`);
    await pause(5);
  }
}
