/** Small JSON bodies (keys, admin): typed members, several spellings each, strict like the ingest body. */
import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { hasUtcForm, parseRfc3339 } from "../protocol/rfc3339.js";
import type { JsonCursor } from "../protocol/strict-json.js";
import { readJsonRequest } from "../verify/json-request.js";

/** One member: its accepted names (the first is the one problems speak of) and how its value is read. */
export interface Member<T> {
  readonly names: readonly string[];
  readonly read: (cursor: JsonCursor) => T;
  readonly isRequired: boolean;
}

export function required<T>(read: (cursor: JsonCursor) => T, ...names: string[]): Member<T> {
  return { names, read, isRequired: true };
}

/** Absent and null are the same. */
export function optional<T>(read: (cursor: JsonCursor) => T, ...names: string[]): Member<T | null> {
  return { names, read: (cursor) => cursor.readNullOr(() => read(cursor)), isRequired: false };
}

type Values<S> = { [K in keyof S]: S[K] extends Member<infer T> ? T : never };

/** Throws INVALID_REQUEST_BODY for broken JSON, UNPROCESSABLE_BODY for wrong, missing or repeated members. */
export function readBody<S extends Readonly<Record<string, Member<unknown>>>>(body: Uint8Array, shape: S): Values<S> {
  const values = readJsonRequest(body, (cursor) => {
    const read: Record<string, unknown> = {};
    cursor.readObject((name) => {
      const field = Object.keys(shape).find((key) => shape[key]!.names.includes(name));
      if (field === undefined) return;
      if (field in read) cursor.fail(`duplicate field \`${name}\``);
      read[field] = shape[field]!.read(cursor);
    });
    return read;
  });
  for (const [field, { names, isRequired }] of Object.entries(shape)) {
    if (field in values) continue;
    if (isRequired) throw new CodedError("UNPROCESSABLE_BODY", `missing field \`${names[0]}\``);
    values[field] = null;
  }
  return values as Values<S>;
}

export function uuid(cursor: JsonCursor): Uuid {
  return parseUuid(cursor.readString()) ?? cursor.fail("expected a UUID");
}

export function uuids(countMax: number): (cursor: JsonCursor) => Uuid[] {
  return (cursor) => {
    const ids: Uuid[] = [];
    cursor.readArray(() => {
      if (ids.length === countMax) cursor.fail(`expected at most ${countMax} ids`);
      ids.push(uuid(cursor));
    });
    return ids;
  };
}

/** It is shown again in UTC, which must have a form for it. */
export function time(cursor: JsonCursor): number {
  const ms = parseRfc3339(cursor.readString());
  return ms !== null && hasUtcForm(ms) ? ms : cursor.fail("expected an RFC 3339 time");
}

export function text(charactersMax: number): (cursor: JsonCursor) => string {
  return (cursor) => {
    const value = cursor.readString();
    return hasAtMost(value, charactersMax) ? value : cursor.fail(`expected at most ${charactersMax} characters`);
  };
}

/** Characters are code points, as where they are documented: of those beyond 16 bits each is two units. */
export function hasAtMost(value: string, charactersMax: number): boolean {
  if (value.length <= charactersMax) return true;
  return value.length <= charactersMax * 2 && [...value].length <= charactersMax;
}

/** An array of short texts. More than `countMax` items are cut off. */
export function texts(countMax: number, charactersMax: number): (cursor: JsonCursor) => string[] {
  return (cursor) => {
    const values: string[] = [];
    cursor.readArray(() => {
      const value = text(charactersMax)(cursor);
      if (values.length < countMax) values.push(value);
    });
    return values;
  };
}

/** A sequence number or a count: an unsigned integer that a number holds exactly. */
export function sequence(cursor: JsonCursor): number {
  const value = Number(cursor.readU64());
  return Number.isSafeInteger(value) ? value : cursor.fail("expected an integer below 2^53");
}
