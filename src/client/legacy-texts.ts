/**
 * The payload of a legacy event as it is written. Its hash keeps `100` and `100.0` apart, which JSON.parse does not, so the
 * text is remembered beside the parsed event for as long as that lives.
 */
import type { LegacyEnvelope } from "../protocol/legacy-event.js";
import { JsonCursor } from "../protocol/strict-json.js";
import { isJsonObject } from "./json-object.js";

/** A page encloses an entry: the deepest payload that was taken must not be too deep where it is read back. */
const PAGE_LEVELS = 2;

const payloadTexts = new WeakMap<object, string>();

/** Parses an entry, an array of entries, or a page with `entries`. Throws SyntaxError. */
export function parseEntries(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!text.includes('"kind":"event"')) return value;
  const cursor = new JsonCursor(text, PAGE_LEVELS);
  if (Array.isArray(value)) readEntries(cursor, value);
  else if (isJsonObject(value) && Array.isArray(value.entries)) {
    const { entries } = value;
    cursor.readObject((name) => {
      if (name === "entries") readEntries(cursor, entries);
    });
  } else readEntry(cursor, value);
  return value;
}

/** As the service wrote it; an event that was made otherwise is written again, which loses `100.0`. */
export function payloadTextOf(event: LegacyEnvelope): string {
  return payloadTexts.get(event) ?? JSON.stringify(event.payload);
}

function readEntries(cursor: JsonCursor, entries: readonly unknown[]): void {
  cursor.readArray((index) => readEntry(cursor, entries[index]));
}

function readEntry(cursor: JsonCursor, entry: unknown): void {
  if (!isJsonObject(entry) || !isJsonObject(entry.event) || entry.kind !== "event") {
    cursor.skipValue();
    return;
  }
  const { event } = entry;
  cursor.readObject((name) => {
    if (name !== "event") return;
    // Of two members JSON.parse takes the last, and so must the text.
    payloadTexts.delete(event);
    cursor.readObject((member) => {
      if (member === "payload") payloadTexts.set(event, cursor.readText());
    });
  });
}
