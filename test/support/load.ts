/** Signed events made ahead of time, clients that send them, and a ledger of what was acknowledged. */
import { randomUUID } from "node:crypto";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { Random } from "./fuzz/random.js";
import { type Answer, type EventFields, type TestAgent, type TestService, uuid } from "./service.js";

/** `Random` as a function, for whoever takes one: numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  const random = new Random(seed);
  return () => random.next();
}

/** One request, ready to be sent. */
export interface Batch {
  readonly agent: TestAgent;
  readonly eventIds: readonly string[];
  readonly body: string;
}

export function makeBatch(agent: TestAgent, envelopes: readonly EventEnvelope[]): Batch {
  const body = JSON.stringify({ agentId: agent.agentId, events: envelopes });
  return { agent, eventIds: envelopes.map((envelope) => envelope.event_id), body };
}

export function signBatch(agent: TestAgent, size: number, fields: EventFields = {}): Batch {
  return makeBatch(
    agent,
    Array.from({ length: size }, () => agent.sign(fields)),
  );
}

/** `count` events in batches of the sizes that `nextSize` gives. */
export function signBatches(
  agent: TestAgent,
  count: number,
  nextSize: () => number,
  fields: EventFields = {},
): Batch[] {
  const batches: Batch[] = [];
  for (let left = count; left > 0; left -= batches.at(-1)!.eventIds.length) {
    batches.push(signBatch(agent, Math.min(left, nextSize()), fields));
  }
  return batches;
}

export function sendBatch(service: TestService, batch: Batch): Promise<Answer> {
  return service.post("/api/v1/ves/events/ingest", batch.body);
}

/** A payload of about this many bytes. */
export function largePayload(bytes: number): { text: string } {
  return {
    text: randomUUID()
      .repeat(Math.ceil(bytes / 36))
      .slice(0, bytes),
  };
}

/** Two tenants with two stores each: one agent per entry of the result, spread over the four streams. */
export async function agentsOnFourStreams(service: TestService, count: number): Promise<TestAgent[]> {
  const tenants = [uuid(), uuid()];
  const streams = tenants.flatMap((tenantId) => [uuid(), uuid()].map((storeId) => ({ tenantId, storeId })));
  return Promise.all(Array.from({ length: count }, (_, index) => service.agent(streams[index % streams.length]!)));
}

/** Texts of the receipts in an ingest answer, untouched. Receipts hold no nested objects. */
export function receiptTexts(body: string): string[] {
  const at = body.indexOf('"receipts":[');
  return at < 0 ? [] : (body.slice(at).match(/\{[^{}]*\}/g) ?? []);
}

/** Every acknowledged receipt by event id. An event never gets a second, different receipt. */
export class Ledger {
  readonly receipts = new Map<string, string>();

  /** Returns how many of the answer's events were acknowledged before. */
  add(answer: Answer): number {
    let known = 0;
    for (const text of receiptTexts(answer.text)) {
      const { eventId } = JSON.parse(text) as { eventId: string };
      const earlier = this.receipts.get(eventId);
      if (earlier !== undefined && earlier !== text)
        throw new Error(`two receipts for ${eventId}:\n${earlier}\n${text}`);
      if (earlier !== undefined) known += 1;
      this.receipts.set(eventId, text);
    }
    return known;
  }
}
