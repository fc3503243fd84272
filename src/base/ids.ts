import { hexValue, toHex } from "./bytes.js";

/**
 * UUID text as this service writes it: lower case, hyphenated. The brand keeps unparsed text out of places that compare
 * or hash ids.
 */
export type Uuid = string & { readonly __brand: "Uuid" };

/** Which stream: one store of one tenant. */
export interface StreamName {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
}

export const NIL_UUID = "00000000-0000-0000-0000-000000000000" as Uuid;

export const UUID_LENGTH = 36;

const HYPHEN = 0x2d;
const HYPHENATED = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
const SIMPLE = /^[0-9a-fA-F]{32}$/;

/**
 * Reads any accepted spelling: hyphenated, 32 hex digits, `urn:uuid:…`, `{…}`, any case, any version, nil (spec
 * ves-protocol §1). Returns null for anything else.
 */
export function parseUuid(text: string): Uuid | null {
  if (text.length === UUID_LENGTH && isUuidAt(text, 0)) return text as Uuid;
  let body = text;
  if (/^urn:uuid:/i.test(body)) body = body.slice(9);
  else if (body.startsWith("{") && body.endsWith("}")) body = body.slice(1, -1);
  if (HYPHENATED.test(body)) return body.toLowerCase() as Uuid;
  return SIMPLE.test(body) ? hyphenate(body.toLowerCase()) : null;
}

/** Does a UUID as this service writes it stand in the text from `start` on? A loop: a regular expression costs twice as much. */
export function isUuidAt(text: string, start: number): boolean {
  for (let i = 0; i < UUID_LENGTH; i++) {
    const unit = text.charCodeAt(start + i);
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (unit !== HYPHEN) return false;
    } else if (!(unit >= 0x30 && unit <= 0x39) && !(unit >= 0x61 && unit <= 0x66)) return false;
  }
  return true;
}

/** The 16 bytes in textual order. */
export function uuidToBytes(uuid: Uuid): Uint8Array {
  return uuidInto(new Uint8Array(16), uuid);
}

/** The same, written to the first 16 of `bytes`, which are returned. */
export function uuidInto(bytes: Uint8Array, uuid: Uuid): Uint8Array {
  for (let i = 0, at = 0; i < 16; i++, at += 2) {
    if (i === 4 || i === 6 || i === 8 || i === 10) at++;
    bytes[i] = (hexValue(uuid.charCodeAt(at)) << 4) | hexValue(uuid.charCodeAt(at + 1));
  }
  return bytes;
}

export function uuidFromBytes(bytes: Uint8Array): Uuid {
  return hyphenate(toHex(bytes));
}

/** Source of fresh random ids; an argument so that simulations can seed it. The service's own: `random-uuid.ts`. */
export type UuidSource = () => Uuid;

/**
 * A fresh UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits. Ids made about the same time stand
 * together in an index, where random ones touch a page each.
 */
export function timeOrderedUuid(nowMs: number): Uuid {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return uuidFromBytes(bytes);
}

function hyphenate(hex: string): Uuid {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Uuid;
}
