/** Requests made before the clock starts: signed events in JSON bodies behind complete HTTP heads, as bytes to send. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Uuid } from "../../src/base/ids.js";
import { signEvent } from "../../src/protocol/agent-event.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";

const ed25519 = selectEd25519();

export const INGEST_PATH = "/api/v1/ves/events/ingest";

export interface EventShape {
  readonly payloadBytes: number;
  /** Event ids that grow with time, instead of random ones. */
  readonly hasOrderedIds: boolean;
}

export const SMALL: EventShape = { payloadBytes: 200, hasOrderedIds: false };

export class BenchAgent {
  readonly tenantId = randomUUID() as Uuid;
  readonly storeId = randomUUID() as Uuid;
  readonly agentId = randomUUID() as Uuid;
  readonly keyId = 1;
  readonly seed: Uint8Array = randomBytes(32);
  readonly publicKey = ed25519.publicKey(this.seed);
  #events = 0;

  /** An order's event with about 200 bytes of payload, or more; an order gets four events. */
  nextEvent({ payloadBytes, hasOrderedIds }: EventShape = SMALL): EventEnvelope {
    const order = `order-${this.#events >> 2}`;
    const payload = {
      order_id: order,
      customer_id: randomUUID(),
      status: "confirmed",
      currency: "EUR",
      total_cents: 12_995 + (this.#events % 997),
      lines: [{ sku: "SKU-48151623", quantity: 2, unit_cents: 6_497 }],
      channel: "web",
      ...(payloadBytes > SMALL.payloadBytes
        ? { note: randomBytes((payloadBytes - SMALL.payloadBytes) / 2).toString("hex") }
        : {}),
    };
    this.#events += 1;
    const { tenantId, storeId, agentId: sourceAgentId, keyId: agentKeyId } = this;
    const event = {
      tenantId,
      storeId,
      sourceAgentId,
      agentKeyId,
      eventId: hasOrderedIds ? orderedUuid() : (randomUUID() as Uuid),
      entityType: "order",
      entityId: order,
      eventType: "order.confirmed",
      createdAt: new Date().toISOString(),
      payload,
    };
    return signEvent(event, this.seed, ed25519);
  }

  nextBody(events: number, shape: EventShape = SMALL): Buffer {
    return this.bodyOf(Array.from({ length: events }, () => this.nextEvent(shape)));
  }

  bodyOf(events: readonly EventEnvelope[]): Buffer {
    return Buffer.from(JSON.stringify({ agentId: this.agentId, events }));
  }
}

/** UUIDv7 (RFC 9562 §5.7): what sorts by time lands on the index's last page. */
function orderedUuid(): Uuid {
  const id = randomBytes(16);
  id.writeUIntBE(Date.now(), 0, 6);
  id[6] = 0x70 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  const hex = id.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-") as Uuid;
}

/** A body behind its head, as one buffer: one write per request. */
export function httpPost(body: Buffer, apiKey: string): Buffer {
  const head =
    `POST ${INGEST_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ApiKey ${apiKey}\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}
