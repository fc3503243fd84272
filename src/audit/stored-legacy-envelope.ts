/**
 * A stored legacy envelope by its one form (wire-api A.5, member order of `verify/legacy-request.ts`): every byte that is no
 * value is compared, every value is in the one spelling it has. As text: legacy events are few.
 */
import { isUtf8 } from "node:buffer";
import type { Uuid } from "../base/ids.js";
import { expectFact } from "./audit-fault.js";

export interface StoredLegacyEnvelope {
  readonly eventId: Uuid;
  readonly commandId: Uuid | null;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  readonly createdAt: string;
  readonly sourceAgentId: Uuid;
  readonly payloadText: string;
  /** Lower-case hex without prefix. */
  readonly payloadHash: string;
  /** Decimal text of a u64. */
  readonly baseVersion: string | null;
}

/** What follows the payload. No member behind it can hold it, so its last occurrence is the one. */
const AFTER_PAYLOAD = ',"payload_hash":"';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX = /^[0-9a-f]+$/;
const DIGITS = /^(0|[1-9][0-9]*)$/;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const BYTES = /^(\d{1,3}(,\d{1,3})*)?$/;

/** Throws AuditFault. */
export function readStoredLegacyEnvelope(bytes: Buffer): StoredLegacyEnvelope {
  expectFact(isUtf8(bytes), "the envelope is not UTF-8");
  const text = new EnvelopeText(bytes.toString("utf8"));
  const eventId = text.literal('{"envelope_version":1,"event_id":"').uuid();
  const commandId = text.has('","command_id":"') ? text.uuid() : null;
  const tenantId = text.literal('","tenant_id":"').uuid();
  const storeId = text.literal('","store_id":"').uuid();
  const entityType = text.literal('","entity_type":').string();
  const entityId = text.literal(',"entity_id":').string();
  const eventType = text.literal(',"event_type":').string();
  const payloadText = text.literal(',"payload":').untilLast(AFTER_PAYLOAD);
  const payloadHash = text.literal(AFTER_PAYLOAD).hex(32);
  text.literal('"');
  const baseVersion = text.has(',"base_version":') ? text.u64(",") : null;
  const createdAt = text.literal(baseVersion === null ? ',"created_at":' : '"created_at":').string();
  expectFact(TIME.test(createdAt), "the envelope is not canonical: created_at is no time in UTC");
  const sourceAgentId = text.literal(',"source_agent":"').uuid();
  if (text.literal('"').has(',"signature":[')) {
    const signature = text.untilLast("]}");
    const isBytes = BYTES.test(signature) && signature.split(",").every((byte) => Number(byte) <= 255);
    expectFact(isBytes, "the envelope is not canonical: the signature is no list of bytes");
    text.literal("]");
  }
  text.literal("}").end();
  return {
    ...{ eventId, commandId, tenantId, storeId, entityType, entityId, eventType },
    ...{ payloadText, payloadHash, baseVersion, createdAt, sourceAgentId },
  };
}

/** Reads a text whose every byte is known or is a value in its one form. Throws AuditFault. */
class EnvelopeText {
  #at = 0;

  constructor(readonly text: string) {}

  literal(expected: string): this {
    expectFact(this.has(expected), `the envelope is not canonical: no ${expected} at character ${this.#at}`);
    return this;
  }

  has(expected: string): boolean {
    if (!this.text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  uuid(): Uuid {
    const id = this.#take(36);
    expectFact(UUID.test(id), `the envelope is not canonical: no UUID at character ${this.#at - 36}`);
    return id as Uuid;
  }

  hex(bytes: number): string {
    const digits = this.#take(bytes * 2);
    expectFact(digits.length === bytes * 2 && HEX.test(digits), "the envelope is not canonical: a hash is not hex");
    return digits;
  }

  u64(after: string): string {
    const digits = this.#digits(after);
    expectFact(BigInt(digits) <= U64_MAX, "the envelope is not canonical: a number is no u64");
    return digits;
  }

  /** A JSON string in the one form `JSON.stringify` gives it. */
  string(): string {
    const { text } = this;
    const start = this.#at;
    let end = text.indexOf('"', start + 1);
    while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
    expectFact(text[start] === '"' && end > 0, `the envelope is not canonical: no text at character ${start}`);
    const raw = text.slice(start, end + 1);
    const value = raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
    expectFact(JSON.stringify(value) === raw, `the envelope is not canonical: text at character ${start}`);
    this.#at = end + 1;
    return value;
  }

  untilLast(mark: string): string {
    const end = this.text.lastIndexOf(mark);
    expectFact(end >= this.#at, `the envelope is not canonical: no ${mark}`);
    const taken = this.text.slice(this.#at, end);
    this.#at = end;
    return taken;
  }

  end(): void {
    expectFact(this.#at === this.text.length, "the envelope is not canonical: something follows it");
  }

  #digits(after: string): string {
    const end = this.text.indexOf(after, this.#at);
    const digits = end < 0 ? "" : this.text.slice(this.#at, end);
    expectFact(DIGITS.test(digits), `the envelope is not canonical: no number at character ${this.#at}`);
    this.#at = end + after.length;
    return digits;
  }

  #take(length: number): string {
    this.#at += length;
    return this.text.slice(this.#at - length, this.#at);
  }
}

/** True when an odd number of backslashes stands before the quote. */
function isEscaped(text: string, quoteAt: number): boolean {
  let at = quoteAt;
  while (text[at - 1] === "\\") at -= 1;
  return (quoteAt - at) % 2 === 1;
}
