/**
 * Reads a stored envelope by its one canonical form (ves-protocol §4.1, member order of `verify/envelope-json.ts`): every
 * byte that is not a value is compared, every value is written again and compared. Shares no code with what wrote it, so a
 * damaged byte or a wrong writer is a fault, never another reading.
 */
import { isAscii, isUtf8 } from "node:buffer";
import type { Uuid } from "../base/ids.js";
import type { JsonValue } from "../protocol/canonical-json.js";
import { PAYLOAD_PLAIN, type PayloadKind } from "../protocol/envelope.js";
import type { SigningFields } from "../protocol/event-signing.js";
import { expectFact } from "./audit-fault.js";

export interface StoredEnvelope extends Omit<SigningFields, "payloadPlainHash" | "payloadCipherHash"> {
  readonly payload: JsonValue;
  readonly payloadText: string;
  /** Lower-case hex without prefix, as are the other two. */
  readonly plainHash: string;
  readonly cipherHash: string;
  readonly agentSignature: string;
  readonly commandId: Uuid | null;
  /** Decimal text of a u64. */
  readonly baseVersion: string | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX = /^[0-9a-f]+$/;
const DIGITS = /^(0|[1-9][0-9]*)$/;
const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** What follows the payload. Nothing behind it can hold quotes and commas of its own, so its last occurrence is the one. */
const AFTER_PAYLOAD = ',"payload_plain_hash":"0x';

/** Throws AuditFault, or a SyntaxError for a payload that is no JSON. */
export function readStoredEnvelope(bytes: Buffer): StoredEnvelope {
  const ascii = isAscii(bytes);
  expectFact(ascii || isUtf8(bytes), "the envelope is not UTF-8");
  const text = new EnvelopeText(bytes.toString(ascii ? "latin1" : "utf8"));
  const vesVersion = text.literal('{"ves_version":').u32(",");
  const eventId = text.literal('"event_id":"').uuid();
  const tenantId = text.literal('","tenant_id":"').uuid();
  const storeId = text.literal('","store_id":"').uuid();
  const sourceAgentId = text.literal('","source_agent_id":"').uuid();
  const agentKeyId = text.literal('","agent_key_id":').u32(",");
  const entityType = text.literal('"entity_type":').string();
  const entityId = text.literal(',"entity_id":').string();
  const eventType = text.literal(',"event_type":').string();
  const createdAt = text.literal(',"created_at":').string();
  const payloadKind = text.literal(',"payload_kind":').u32(",") as PayloadKind;
  const member = payloadKind === PAYLOAD_PLAIN ? '"payload":' : '"payload_encrypted":';
  const payloadText = text.literal(member).untilLast(AFTER_PAYLOAD);
  const plainHash = text.literal(AFTER_PAYLOAD).hex(32);
  const cipherHash = text.literal('","payload_cipher_hash":"0x').hex(32);
  const agentSignature = text.literal('","agent_signature":"0x').hex(64);
  text.literal('"');
  const commandId = text.has(',"command_id":"') ? text.uuid() : null;
  if (commandId !== null) text.literal('"');
  const baseVersion = text.has(',"base_version":') ? text.u64("}") : null;
  if (baseVersion === null) text.literal("}");
  text.end();
  const signed = { vesVersion, eventId, tenantId, storeId, sourceAgentId, agentKeyId, entityType, entityId, eventType };
  const payload = JSON.parse(payloadText) as JsonValue;
  const hashes = { plainHash, cipherHash, agentSignature };
  return { ...signed, createdAt, payloadKind, payload, payloadText, ...hashes, commandId, baseVersion };
}

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

  /** A number and the `after` behind it. */
  u32(after: string): number {
    const value = Number(this.#digits(after));
    expectFact(value <= U32_MAX, "the envelope is not canonical: a number is no u32");
    return value;
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
