/**
 * The independent model: what a client of an append-only log may rely on, in the simplest words. It knows the database file,
 * the bytes on the wire and nothing of how the service makes them.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import type { HttpReply } from "../../src/transport/http.js";
import type { SimSocket } from "./sim-network.js";

interface Entry {
  readonly offset: number;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly sequence_number: number;
  readonly sequenced_at: string;
  readonly event: EventEnvelope;
  readonly receipt: { readonly eventId: string; readonly sequenceNumber: number };
}

/** What one reader asked for and got, in order. */
export interface Reading {
  readonly name: string;
  readonly from: number;
  readonly tenantId: string | null;
  /** Entries as JSON text. */
  readonly got: string[];
}

interface SocketReading extends Reading {
  isBehind: boolean;
}

export class Judge {
  /** The first broken promise, or null. */
  violation: string | null = null;
  /** Times a reader that was behind the durable head reached it. */
  transitions = 0;
  readonly receipts = new Map<string, string>();
  readonly #path: string;
  #rows: Rows;
  #durable = 0;
  /** Entry texts by offset, as first seen by anybody. */
  readonly #seen = new Map<number, string>();
  /** Submitted envelopes by event id, as JSON with sorted members. */
  readonly #submitted = new Map<string, Set<string>>();
  /** First offset that nothing signed by a revoked key may have. */
  readonly #revokedAt = new Map<string, number>();
  readonly #sockets = new Map<SimSocket, SocketReading>();

  constructor(folder: string) {
    this.#path = join(folder, "sequencer.db");
    this.#rows = openRows(this.#path);
  }

  /** The file may be another one after a crash. */
  reopen(): void {
    this.#rows.db.close();
    this.#rows = openRows(this.#path);
  }

  close(): void {
    this.#rows.db.close();
  }

  fail(text: string): void {
    this.violation ??= text;
  }

  /** Entries on disk. */
  durable(): number {
    this.#durable = this.#rows.count.get() as number;
    return this.#durable;
  }

  submitted(envelopes: readonly EventEnvelope[]): void {
    for (const envelope of envelopes) {
      const variants = this.#submitted.get(envelope.event_id) ?? new Set();
      this.#submitted.set(envelope.event_id, variants.add(sortedJson(envelope)));
    }
  }

  /** An answer leaves the service: what it says must be on disk by now. */
  answered(url: string, init: RequestInit, reply: HttpReply): void {
    if (reply.status !== 200 || init.method !== "POST") return;
    if (url.endsWith("/revoke")) {
      const { agentId, keyId } = JSON.parse(String(init.body));
      if (!this.#revokedAt.has(agentId + keyId)) this.#revokedAt.set(agentId + keyId, this.durable());
      return;
    }
    for (const { eventId } of receiptsOf(reply)) {
      if (this.#rows.find.get(Buffer.from(eventId.replaceAll("-", ""), "hex")) === undefined) {
        this.fail(`event ${eventId} was acknowledged before it was durable`);
      }
    }
  }

  /** A client holds this answer. */
  heard(init: RequestInit, reply: HttpReply): void {
    if (reply.status !== 200 || init.method !== "POST") return;
    for (const receipt of receiptsOf(reply)) {
      const text = JSON.stringify(receipt);
      const before = this.receipts.get(receipt.eventId);
      if (before !== undefined && before !== text) this.fail(`a second receipt for ${receipt.eventId} differs`);
      this.receipts.set(receipt.eventId, text);
    }
  }

  subscribed(socket: SimSocket, { searchParams: query }: URL): void {
    const from = Number(query.get("from_offset") ?? 0);
    const name = `socket ${this.#sockets.size}`;
    this.#sockets.set(socket, { name, from, tenantId: query.get("tenant_id"), got: [], isBehind: true });
  }

  /** A frame leaves the service: one entry, or an array of them. */
  sent(socket: SimSocket, frame: Buffer): void {
    const reading = this.#sockets.get(socket)!;
    const value = JSON.parse(frame.toString()) as Entry | Entry[];
    for (const entry of Array.isArray(value) ? value : [value]) {
      const text = JSON.stringify(entry);
      if (!Array.isArray(value) && text !== frame.toString()) this.fail(`${reading.name}: not one JSON text`);
      if (entry.offset >= this.#durable && entry.offset >= this.durable()) {
        this.fail(`${reading.name}: entry ${entry.offset} was sent before it was durable`);
      }
      this.#same(reading.name, entry.offset, text);
      reading.got.push(text);
      const isBehind = entry.offset + 1 < this.durable();
      if (reading.isBehind && !isBehind) this.transitions += 1;
      reading.isBehind = isBehind;
    }
  }

  /** Nothing moves any more: whoever reads has got everything, without the help of a timer. */
  still(): void {
    const end = this.durable();
    for (const [socket, { name, from, tenantId, got }] of this.#sockets) {
      if (!socket.isRead) continue;
      const tenant = tenantId === null ? null : Buffer.from(tenantId.replaceAll("-", ""), "hex");
      const wanted = this.#rows.matching.get(from, tenant, tenant);
      if (got.length !== wanted) this.fail(`${name} stands still at ${got.length} of ${wanted} entries, head ${end}`);
    }
  }

  /** The whole log as the service hands it out after its last start, judged against everything ever seen or promised. */
  finish(log: readonly string[], subscribers: readonly Reading[]): void {
    if (this.durable() !== log.length) this.fail(`${this.#durable} rows, ${log.length} served`);
    this.#checkOrder(log.map((text) => JSON.parse(text) as Entry));
    for (const [offset, text] of log.entries()) this.#same("the last replay", offset, text);
    for (const [offset, text] of this.#seen)
      if (log[offset] !== text) this.fail(`entry ${offset} was seen and is lost`);
    const stored = new Map(log.map((text) => [(JSON.parse(text) as Entry).event.event_id as string, text]));
    for (const [eventId, receipt] of this.receipts) {
      if (!stored.get(eventId)?.endsWith(`,"receipt":${receipt}}`)) {
        this.fail(`the receipt of ${eventId} was acknowledged and is not in the log`);
      }
    }
    for (const reading of [...this.#sockets.values(), ...subscribers]) this.#checkReading(reading, log);
  }

  #same(who: string, offset: number, text: string): void {
    const before = this.#seen.get(offset);
    if (before !== undefined && before !== text) this.fail(`${who}: entry ${offset} is not what it was`);
    this.#seen.set(offset, before ?? text);
  }

  #checkOrder(entries: readonly Entry[]): void {
    const heads = new Map<string, number>();
    const versions = new Map<string, number>();
    const once = new Set<string>();
    let time = "";
    entries.forEach((entry, index) => {
      const { event } = entry;
      const stream = entry.tenant_id + entry.store_id;
      const sequence = (heads.get(stream) ?? 0) + 1;
      heads.set(stream, sequence);
      if (entry.offset !== index) this.fail(`offset ${entry.offset} where ${index} belongs`);
      if (entry.sequence_number !== sequence || entry.receipt.sequenceNumber !== sequence) {
        this.fail(`entry ${index}: number ${entry.sequence_number} where ${sequence} belongs`);
      }
      if (entry.sequenced_at < time) this.fail(`entry ${index}: time runs backwards`);
      time = entry.sequenced_at;
      for (const name of [event.event_id, event.command_id === undefined ? null : stream + event.command_id]) {
        if (name !== null && once.size === once.add(name).size) this.fail(`entry ${index} repeats ${name}`);
      }
      const entity = JSON.stringify([stream, event.entity_type, event.entity_id]);
      const version = versions.get(entity) ?? 0;
      versions.set(entity, version + 1);
      if ((event.base_version ?? version) !== version) this.fail(`entry ${index}: accepted at version ${version}`);
      const revokedAt = this.#revokedAt.get(event.source_agent_id + event.agent_key_id) ?? entries.length;
      if (index >= revokedAt) this.fail(`entry ${index} is signed by a key revoked before ${revokedAt}`);
      if (!this.#submitted.get(event.event_id)?.has(sortedJson(event))) this.fail(`entry ${index}: nobody sent this`);
    });
  }

  #checkReading({ name, from, tenantId, got }: Reading, log: readonly string[]): void {
    const wanted = log.slice(from).filter((text) => tenantId === null || text.includes(`,"tenant_id":"${tenantId}",`));
    const at = got.findIndex((text, index) => text !== wanted[index]);
    if (at >= 0) this.fail(`${name}: entry ${at} after ${from} is missing, repeated or out of order`);
  }
}

interface Rows {
  readonly db: Database.Database;
  readonly count: Database.Statement;
  readonly find: Database.Statement;
  readonly matching: Database.Statement;
}

function openRows(path: string): Rows {
  const db = new Database(path, { readonly: true });
  return {
    db,
    count: db.prepare("SELECT count(*) FROM entries").pluck(),
    find: db.prepare("SELECT 1 FROM entries WHERE event_id = ?"),
    matching: db
      .prepare(
        `SELECT count(*) FROM entries JOIN streams ON streams.ref = stream_ref
          WHERE "offset" >= ? AND (? IS NULL OR tenant_id = ?)`,
      )
      .pluck(),
  };
}

function receiptsOf(reply: HttpReply): readonly Entry["receipt"][] {
  return JSON.parse(Buffer.from(reply.body as Uint8Array).toString()).receipts ?? [];
}

function sortedJson(envelope: EventEnvelope): string {
  return JSON.stringify(Object.entries(envelope).sort(([a], [b]) => (a < b ? -1 : 1)));
}
