/**
 * Reads an event that is written as it will be stored (`envelopeJson`) but for its payload: as every client does that
 * serialises what it signed. One pass over the text without asking for names; then the stored envelope is a copy of the
 * request's bytes around the canonical payload. Everything else, every wrong text included, is left to `readEventFields`;
 * what is taken here, that reads the same.
 */
import { hexValue } from "../base/bytes.js";
import { isUuidAt, NIL_UUID, UUID_LENGTH, type Uuid } from "../base/ids.js";
import { canonicalText } from "../protocol/canonical-text.js";
import { PAYLOAD_PLAIN, VES_VERSION } from "../protocol/envelope.js";
import { scanValue, skipBlanks } from "../protocol/json-scanner.js";
import { ZERO_HASH } from "../protocol/payload-hash.js";
import type { ValueReader } from "../protocol/strict-json.js";
import type { EventFields } from "./event-fields.js";

/** Where an event stands in the bytes of its body. */
export interface StoredPlace {
  readonly start: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly end: number;
}

const EVENT_ID = `{"ves_version":${VES_VERSION},"event_id":"`;
const TENANT_ID = '","tenant_id":"';
const STORE_ID = '","store_id":"';
const SOURCE_AGENT_ID = '","source_agent_id":"';
const AGENT_KEY_ID = '","agent_key_id":';
const ENTITY_TYPE = ',"entity_type":"';
const ENTITY_ID = '","entity_id":"';
const EVENT_TYPE = '","event_type":"';
const CREATED_AT = '","created_at":"';
const PAYLOAD = `","payload_kind":${PAYLOAD_PLAIN},"payload":`;
const PLAIN_HASH = ',"payload_plain_hash":"0x';
const AGENT_SIGNATURE = `","payload_cipher_hash":"0x${"0".repeat(64)}","agent_signature":"0x`;
const COMMAND_ID = ',"command_id":"';
const BASE_VERSION = ',"base_version":';

const QUOTE = '"';
const CLOSE = "}";

const DOUBLE_QUOTE = 0x22;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const BACKSLASH = 0x5c;
/** Set in every digit and every lower-case letter, not in an upper-case one. */
const LOWER_CASE = 0x20;

/** Numbers of this many digits fit 32 bits; longer ones are left to who knows their range. */
const DIGITS_MAX = 9;

/** One for a body: an id that stands in one event after the other is one string, which is compared at once. */
export class StoredFormReader implements ValueReader<EventFields> {
  readonly #bodyBytes: number;
  #text = "";
  #at = 0;
  /** Nothing is read any more: this event is written in another way. */
  #isOther = false;
  #tenantId = NIL_UUID;
  #storeId = NIL_UUID;
  #agentId = NIL_UUID;

  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
  }

  get end(): number {
    return this.#at;
  }

  read(text: string, start: number, level: number): EventFields | null {
    this.#text = text;
    this.#at = start;
    this.#isOther = false;
    const eventId = this.#uuid(EVENT_ID, NIL_UUID);
    this.#tenantId = this.#uuid(TENANT_ID, this.#tenantId);
    this.#storeId = this.#uuid(STORE_ID, this.#storeId);
    this.#agentId = this.#uuid(SOURCE_AGENT_ID, this.#agentId);
    const agentKeyId = this.#number(AGENT_KEY_ID);
    const entityType = this.#string(ENTITY_TYPE);
    const entityId = this.#string(ENTITY_ID);
    const eventType = this.#string(EVENT_TYPE);
    const createdAt = this.#string(CREATED_AT);
    const payloadStart = this.#skipPayload(level + 1);
    const payloadEnd = this.#at;
    const payloadPlainHash = this.#hex(PLAIN_HASH, 32);
    const agentSignature = this.#hex(AGENT_SIGNATURE, 64);
    this.#take(QUOTE);
    const commandId = this.#isNext(COMMAND_ID) ? this.#uuid(COMMAND_ID, NIL_UUID) : null;
    if (commandId !== null) this.#take(QUOTE);
    const baseVersion = this.#isNext(BASE_VERSION) ? `${this.#number(BASE_VERSION)}` : null;
    this.#take(CLOSE);
    if (this.#isOther) return null;
    return {
      vesVersion: VES_VERSION,
      eventId,
      tenantId: this.#tenantId,
      storeId: this.#storeId,
      sourceAgentId: this.#agentId,
      agentKeyId,
      entityType,
      entityId,
      eventType,
      createdAt,
      payloadKind: PAYLOAD_PLAIN,
      payload: canonicalText(text, payloadStart, payloadEnd),
      payloadEncrypted: undefined,
      payloadPlainHash,
      payloadCipherHash: ZERO_HASH,
      agentSignature,
      signatureScheme: 0,
      commandId,
      baseVersion,
      // As many bytes as units: all of it is ASCII, and stands in the bytes where it stands in the text.
      place: text.length === this.#bodyBytes ? { start, payloadStart, payloadEnd, end: this.#at } : null,
    };
  }

  #isNext(literal: string): boolean {
    return !this.#isOther && this.#text.startsWith(literal, this.#at);
  }

  #take(literal: string): boolean {
    if (this.#isNext(literal)) this.#at += literal.length;
    else this.#isOther = true;
    return !this.#isOther;
  }

  /** `before` itself when it stands there again. */
  #uuid(name: string, before: Uuid): Uuid {
    if (!this.#take(name)) return before;
    const start = this.#at;
    this.#at += UUID_LENGTH;
    if (this.#text.startsWith(before, start)) return before;
    if (isUuidAt(this.#text, start)) return this.#text.slice(start, this.#at) as Uuid;
    // Never kept: standing there again it would be taken for one.
    this.#isOther = true;
    return before;
  }

  #number(name: string): number {
    if (!this.#take(name)) return 0;
    const text = this.#text;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (let unit = text.charCodeAt(at); unit >= DIGIT_0 && unit <= DIGIT_9; unit = text.charCodeAt(++at)) {
      value = value * 10 + unit - DIGIT_0;
    }
    const digits = at - start;
    const hasLeadingZero = digits > 1 && text.charCodeAt(start) === DIGIT_0;
    if (digits === 0 || digits > DIGITS_MAX || hasLeadingZero) this.#isOther = true;
    this.#at = at;
    return value;
  }

  /** Plain ASCII: what JSON writes as it is. */
  #string(name: string): string {
    if (!this.#take(name)) return "";
    const text = this.#text;
    const start = this.#at;
    let at = start;
    let unit = text.charCodeAt(at);
    while (unit >= 0x20 && unit < 0x80 && unit !== DOUBLE_QUOTE && unit !== BACKSLASH) unit = text.charCodeAt(++at);
    if (unit !== DOUBLE_QUOTE) this.#isOther = true;
    this.#at = at;
    return text.slice(start, at);
  }

  /** Returns where it starts. */
  #skipPayload(level: number): number {
    if (!this.#take(PAYLOAD)) return 0;
    const start = this.#at;
    const end = scanValue(this.#text, start, level);
    // A payload of null counts as none, and blanks are not stored.
    const isNull = this.#text.startsWith("null", start);
    if (end < 0 || isNull || skipBlanks(this.#text, start) > start) this.#isOther = true;
    this.#at = end;
    return start;
  }

  /** Lower case only. */
  #hex(name: string, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    if (!this.#take(name)) return bytes;
    const text = this.#text;
    let at = this.#at;
    let isHex = true;
    let lowerCase = LOWER_CASE;
    for (let i = 0; i < lengthBytes; i++) {
      const first = text.charCodeAt(at++);
      const second = text.charCodeAt(at++);
      const high = hexValue(first);
      const low = hexValue(second);
      if (high === 255 || low === 255) isHex = false;
      lowerCase &= first & second;
      bytes[i] = (high << 4) | low;
    }
    if (!isHex || lowerCase === 0) this.#isOther = true;
    this.#at = at;
    return bytes;
  }
}
