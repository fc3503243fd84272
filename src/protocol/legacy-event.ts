/**
 * Legacy events (spec §9.4): their payload hash has no domain and keeps numbers as the sender's text means them (`100` and
 * `100.0` differ), so it is made from the text, not from a parsed value. Pure and browser-safe.
 */
import { isWellFormed } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_LEGACY_EVENT } from "./domains.js";
import { readHash } from "./hash.js";
import { scanNumber, scanString, skipBlanks } from "./json-scanner.js";
import { sha256, sha256Text } from "./sha256.js";
import { JsonCursor } from "./strict-json.js";

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const I64_MIN = -0x8000_0000_0000_0000n;

/** Digits of the point's place within which a float is written without an exponent. */
const PLAIN_POINT_MIN = -4;
const PLAIN_POINT_MAX = 16;

/**
 * The compact text of one JSON document: keys in the order of their UTF-8 bytes, the last of equal keys, integers exact,
 * other numbers as the shortest float with a point or an exponent. Throws JsonSyntaxError.
 */
export function legacyPayloadText(json: string): string {
  // Checks the whole grammar and bounds the nesting: what follows only copies.
  const cursor = new JsonCursor(json);
  const text = cursor.readText();
  cursor.end();
  return new PayloadWriter(text).value();
}

/** 32 bytes, of `legacyPayloadText`. */
export function legacyPayloadHash(payloadText: string): Uint8Array {
  return sha256Text(payloadText);
}

const writer = new ByteWriter(4096);

/** What the sequencer's receipt covers of a legacy event. Command id, base version and signature are not among it. */
export interface LegacyEventFields {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly eventId: Uuid;
  readonly sourceAgentId: Uuid;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  /** As it is stored: RFC 3339 with `Z`. */
  readonly createdAt: string;
  /** 32 bytes. */
  readonly payloadHash: Uint8Array;
}

/** 32 bytes; takes the signing hash's place in a legacy event's receipt, so that receipts are checked without the payload. */
export function legacyEventHash(fields: LegacyEventFields): Uint8Array {
  writer.reset().ascii(DOMAIN_LEGACY_EVENT).uuid(fields.tenantId).uuid(fields.storeId).uuid(fields.eventId);
  writer.uuid(fields.sourceAgentId).str(fields.entityType).str(fields.entityId).str(fields.eventType);
  return sha256(writer.str(fields.createdAt).bytes(fields.payloadHash).view());
}

class PayloadWriter {
  #at = 0;

  constructor(readonly text: string) {}

  value(): string {
    const { text } = this;
    this.#at = skipBlanks(text, this.#at);
    const first = text[this.#at];
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    if (first === '"') return this.#string();
    if (first === "t" || first === "n") return this.#take(this.#at + 4);
    if (first === "f") return this.#take(this.#at + 5);
    return numberText(this.#take(scanNumber(text, this.#at)));
  }

  #object(): string {
    const members = new Map<string, string>();
    this.#at += 1;
    while (this.#next() !== "}") {
      const key = JSON.parse(this.#take(scanString(this.text, this.#at))) as string;
      this.#at = skipBlanks(this.text, this.#at) + 1;
      members.set(key, this.value());
    }
    this.#at += 1;
    const keys = [...members.keys()].sort(compareUtf8);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${members.get(key)!}`).join(",")}}`;
  }

  #array(): string {
    const items: string[] = [];
    this.#at += 1;
    while (this.#next() !== "]") items.push(this.value());
    this.#at += 1;
    return `[${items.join(",")}]`;
  }

  /** The first character of what comes next in an array or object, past the comma before it. */
  #next(): string | undefined {
    this.#at = skipBlanks(this.text, this.#at);
    if (this.text[this.#at] === ",") this.#at = skipBlanks(this.text, this.#at + 1);
    return this.text[this.#at];
  }

  #string(): string {
    return JSON.stringify(JSON.parse(this.#take(scanString(this.text, this.#at))));
  }

  #take(end: number): string {
    const token = this.text.slice(this.#at, end);
    this.#at = end;
    return token;
  }
}

function numberText(literal: string): string {
  if (/^-?\d+$/.test(literal) && literal !== "-0") {
    const integer = BigInt(literal);
    if (integer <= U64_MAX && integer >= I64_MIN) return integer.toString();
  }
  return floatText(Number(literal));
}

/** Shortest digits that read back as the same double; always with a point or an exponent, so that it stays a float. */
function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  /** Where the point stands, counted from the first digit. */
  const point = Number(exponent) + 1;
  const sign = value < 0 ? "-" : "";
  if (point > 0 && point <= PLAIN_POINT_MAX) {
    const whole = digits.slice(0, point).padEnd(point, "0");
    return `${sign}${whole}.${digits.slice(point) || "0"}`;
  }
  if (point <= 0 && point >= PLAIN_POINT_MIN) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${mantissa}e${Number(exponent)}`;
}

/** Order of the UTF-8 forms, which differs from that of UTF-16 units where surrogates meet U+E000 and above. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above every single unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

/** A legacy event as routes and frames show it. */
export interface LegacyEnvelope {
  readonly envelope_version: 1;
  readonly event_id: Uuid;
  readonly command_id?: Uuid;
  readonly tenant_id: Uuid;
  readonly store_id: Uuid;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly event_type: string;
  /** As `JSON.parse` gives it: integers beyond 2^53 - 1 are rounded, which those of the hashed text are not. */
  readonly payload: unknown;
  /** 32 bytes of hex without prefix. */
  readonly payload_hash: string;
  readonly base_version?: number;
  /** RFC 3339 in UTC, with `Z`. */
  readonly created_at: string;
  readonly source_agent: Uuid;
  /** Bytes as numbers; kept, never verified. */
  readonly signature?: readonly number[];
}

/** The hashed fields of an envelope that came as JSON; null when it is not one that the sequencer stores. */
export function legacyFieldsOf(event: Readonly<Record<string, unknown>>): LegacyEventFields | null {
  const idOf = (id: unknown): Uuid | null => (typeof id === "string" && parseUuid(id) === id ? (id as Uuid) : null);
  const [tenantId, storeId] = [idOf(event.tenant_id), idOf(event.store_id)];
  const [eventId, sourceAgentId] = [idOf(event.event_id), idOf(event.source_agent)];
  if (tenantId === null || storeId === null || eventId === null || sourceAgentId === null) return null;
  const { entity_type: entityType, entity_id: entityId, event_type: eventType, created_at: createdAt } = event;
  if (typeof entityType !== "string" || typeof entityId !== "string") return null;
  if (typeof eventType !== "string" || typeof createdAt !== "string") return null;
  if (![entityType, entityId, eventType, createdAt].every(isWellFormed)) return null;
  const payloadHash = readHash(event.payload_hash);
  if (payloadHash === null) return null;
  return { tenantId, storeId, eventId, sourceAgentId, entityType, entityId, eventType, createdAt, payloadHash };
}
