/** Requests made before the clock starts: signed events in JSON bodies behind complete HTTP heads, as bytes to send. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Uuid } from "../src/base/ids.js";
import { signEvent } from "../src/protocol/agent-event.js";
import type { EventEnvelope } from "../src/protocol/envelope.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";

const ed25519 = selectEd25519();

export const INGEST_PATH = "/api/v1/ves/events/ingest";

export class BenchAgent {
  readonly tenantId = randomUUID() as Uuid;
  readonly storeId = randomUUID() as Uuid;
  readonly agentId = randomUUID() as Uuid;
  readonly keyId = 1;
  readonly seed: Uint8Array = randomBytes(32);
  readonly publicKey = ed25519.publicKey(this.seed);
  #events = 0;

  /** An order's event with about 200 bytes of payload and random ids; an order gets four events. */
  nextEvent(): EventEnvelope {
    const order = `order-${this.#events >> 2}`;
    const payload = {
      order_id: order,
      customer_id: randomUUID(),
      status: "confirmed",
      currency: "EUR",
      total_cents: 12_995 + (this.#events % 997),
      lines: [{ sku: "SKU-48151623", quantity: 2, unit_cents: 6_497 }],
      channel: "web",
    };
    this.#events += 1;
    const { tenantId, storeId, agentId: sourceAgentId, keyId: agentKeyId } = this;
    const event = {
      tenantId,
      storeId,
      sourceAgentId,
      agentKeyId,
      eventId: randomUUID() as Uuid,
      entityType: "order",
      entityId: order,
      eventType: "order.confirmed",
      createdAt: new Date().toISOString(),
      payload,
    };
    return signEvent(event, this.seed, ed25519);
  }

  nextBody(events: number): Buffer {
    const envelopes = Array.from({ length: events }, () => this.nextEvent());
    return Buffer.from(JSON.stringify({ agentId: this.agentId, events: envelopes }));
  }
}

/** A body behind its head, as one buffer: one write per request. */
export function httpPost(body: Buffer, apiKey: string): Buffer {
  const head =
    `POST ${INGEST_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ApiKey ${apiKey}\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}
