/** Typed reads of untrusted JSON objects. Every refusal names its field. */
import { fromHex } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { isJsonObject, type JsonObject, type JsonValue } from "./canonical-json.js";
import { ComplianceInputError } from "./compliance-input-error.js";

export function textField(object: JsonObject, key: string): string {
  const value = object[key];
  if (typeof value !== "string") throw new ComplianceInputError(`${key} must be a string`);
  return value;
}

export function objectField(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  if (!isJsonObject(value)) throw new ComplianceInputError(`${key} must be an object`);
  return value;
}

/** Unsigned integer up to `max`, as a JSON number or, where the format allows it, a decimal string. */
export function integerField(object: JsonObject, key: string, max: bigint, isTextAllowed = false): bigint {
  const value = object[key];
  const integer = isTextAllowed && typeof value === "string" && /^\d{1,20}$/.test(value) ? BigInt(value) : value;
  if (typeof integer !== "bigint" || integer < 0n) throw new ComplianceInputError(`${key} must be an unsigned integer`);
  if (integer > max) throw new ComplianceInputError(`${key} must not exceed ${max}`);
  return integer;
}

/** Integers of a list of known length, as numbers or decimal strings. */
export function integerListField(object: JsonObject, key: string, length: number, max: bigint): bigint[] {
  const value: JsonValue | undefined = object[key];
  if (!Array.isArray(value) || value.length !== length) {
    throw new ComplianceInputError(`${key} must be a list of ${length} integers`);
  }
  return value.map((item: JsonValue) => integerField({ [key]: item }, key, max, true));
}

export function uuidField(object: JsonObject, key: string): Uuid {
  const uuid = parseUuid(textField(object, key));
  if (uuid === null) throw new ComplianceInputError(`${key} must be a UUID`);
  return uuid;
}

/** 64 lower-case hex digits. */
export function hashField(object: JsonObject, key: string): string {
  const value = textField(object, key);
  if (!/^[0-9a-f]{64}$/.test(value)) throw new ComplianceInputError(`${key} must be 64 lower-case hex digits`);
  return value;
}

/** The hash, or null when the field is absent or null. */
export function optionalHashField(object: JsonObject, key: string): string | null {
  return object[key] === undefined || object[key] === null ? null : hashField(object, key);
}

/** Bytes of a hash that `hashField` accepted. */
export function hashBytes(hash: string): Uint8Array {
  return fromHex(hash, 32)!;
}
