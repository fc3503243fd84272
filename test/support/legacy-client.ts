/** A client of the legacy routes, as simple as the ones in use: it signs nothing. */
import { randomUUID } from "node:crypto";
import type { Uuid } from "../../src/base/ids.js";
import { type LegacyEnvelopeJson, modelLegacyLeaf, modelPayloadHash } from "./legacy-model.js";
import { type Answer, type TestService, uuid } from "./service.js";

export interface LegacyFields extends Partial<LegacyEnvelopeJson> {
  readonly [name: string]: unknown;
}

export class LegacyClient {
  readonly agentId: Uuid = uuid();

  constructor(
    readonly service: TestService,
    readonly tenantId: Uuid = uuid(),
    readonly storeId: Uuid = uuid(),
  ) {}

  get query(): string {
    return `tenant_id=${this.tenantId}&store_id=${this.storeId}`;
  }

  event(fields: LegacyFields = {}): LegacyEnvelopeJson {
    const payload = fields.payload === undefined ? { total: 1999, note: "Zoë" } : fields.payload;
    return {
      ...{ event_id: uuid(), tenant_id: this.tenantId, store_id: this.storeId, source_agent: this.agentId },
      ...{ entity_type: "order", entity_id: `order-${randomUUID().slice(0, 4)}`, event_type: "order.created" },
      ...{ payload, payload_hash: modelPayloadHash(payload), created_at: "2025-11-20T10:00:00.5Z" },
      ...fields,
    };
  }

  events(count: number): LegacyEnvelopeJson[] {
    return Array.from({ length: count }, (_, at) => this.event({ payload: { at } }));
  }

  ingest(events: readonly unknown[], key?: string): Promise<Answer> {
    return this.service.post("/api/v1/events/ingest", { agent_id: this.agentId, events }, key);
  }

  commit(start: number, end: number, key?: string): Promise<Answer> {
    const range = { tenant_id: this.tenantId, store_id: this.storeId, sequence_start: start, sequence_end: end };
    return this.service.post("/api/v1/commitments", range, key);
  }

  /** Every legacy event of the stream, as clients page: by steps of `limit`. */
  async stored(limit = 100): Promise<LegacyEnvelopeJson[]> {
    const found: LegacyEnvelopeJson[] = [];
    for (let from = 0; ; from += limit) {
      const { json } = await this.service.get(`/api/v1/events?${this.query}&from=${from}&limit=${limit}`);
      const events = json.events as { envelope: LegacyEnvelopeJson }[];
      found.push(...events.map(({ envelope }) => envelope));
      if (events.length === 0 && from > 0) return found;
    }
  }

  async leaves(): Promise<Buffer[]> {
    return (await this.stored()).map(modelLegacyLeaf);
  }
}
