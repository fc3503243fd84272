/** Typed reads of untrusted JSON objects. Every refusal names its field. */
import { fromHex } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import { type ExactJson, type ExactJsonObject, isExactJsonObject } from "./exact-json.js";

export function textField(object: ExactJsonObject, key: string): string {
  const value = object[key];
  if (typeof value !== "string") throw new ComplianceInputError(`${key} must be a string`);
  return value;
}

export function objectField(object: ExactJsonObject, key: string): ExactJsonObject {
  const value = object[key];
  if (!isExactJsonObject(value)) throw new ComplianceInputError(`${key} must be an object`);
  return value;
}

/** Unsigned integer up to `max`, as a JSON number or, where the format allows it, a decimal string. */
export function integerField(object: ExactJsonObject, key: string, max: bigint, isTextAllowed = false): bigint {
  const value = object[key];
  const integer = isTextAllowed && typeof value === "string" && /^\d{1,20}$/.test(value) ? BigInt(value) : value;
  if (typeof integer !== "bigint" || integer < 0n) throw new ComplianceInputError(`${key} must be an unsigned integer`);
  if (integer > max) throw new ComplianceInputError(`${key} must not exceed ${max}`);
  return integer;
}

/** Integers of a list of known length, as numbers or decimal strings. */
export function integerListField(object: ExactJsonObject, key: string, length: number, max: bigint): bigint[] {
  const value: ExactJson | undefined = object[key];
  if (!Array.isArray(value) || value.length !== length) {
    throw new ComplianceInputError(`${key} must be a list of ${length} integers`);
  }
  return value.map((item: ExactJson) => integerField({ [key]: item }, key, max, true));
}

export function uuidField(object: ExactJsonObject, key: string): Uuid {
  const uuid = parseUuid(textField(object, key));
  if (uuid === null) throw new ComplianceInputError(`${key} must be a UUID`);
  return uuid;
}

/** 64 lower-case hex digits. */
export function hashField(object: ExactJsonObject, key: string): string {
  const value = textField(object, key);
  if (!/^[0-9a-f]{64}$/.test(value)) throw new ComplianceInputError(`${key} must be 64 lower-case hex digits`);
  return value;
}

/** The hash, or null when the field is absent or null. */
export function optionalHashField(object: ExactJsonObject, key: string): string | null {
  return object[key] === undefined || object[key] === null ? null : hashField(object, key);
}

/** A redundant value must be what was computed: no field of an artefact may mislead who reads it alone. */
export function requireEqual(field: string, stated: unknown, computed: unknown): void {
  if (stated !== computed) throw new ComplianceInputError(`${field} does not match`);
}

/** Bytes of a hash that `hashField` accepted. */
export function hashBytes(hash: string): Uint8Array {
  return fromHex(hash, 32)!;
}
