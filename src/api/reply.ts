import { compactExactJson, type ExactJsonObject } from "../stark/exact-json.js";
import type { EntryFrame } from "../store/contract.js";
import type { HttpReply } from "../transport/http.js";

export function jsonReply(value: unknown): HttpReply {
  return { status: 200, body: JSON.stringify(value) };
}

/** With integers beyond 2^53 printed exactly. */
export function exactJsonReply(value: ExactJsonObject): HttpReply {
  return { status: 200, body: compactExactJson(value) };
}

/** `{…members, "<name>":[frame,…]}` with the entries' frames copied as they are: an entry is never encoded twice. */
export function entriesReply(
  members: Readonly<Record<string, unknown>>,
  name: string,
  entries: readonly EntryFrame[],
): HttpReply {
  return listReply(
    members,
    name,
    entries.map(({ frame }) => frame),
  );
}

/** The same of any JSON texts. */
export function listReply(
  members: Readonly<Record<string, unknown>>,
  name: string,
  items: readonly Uint8Array[],
): HttpReply {
  const head = Buffer.from(`${JSON.stringify(members).slice(0, -1)},"${name}":[`, "utf8");
  const parts: Uint8Array[] = [head];
  items.forEach((item, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(item);
  });
  parts.push(END);
  return { status: 200, body: Buffer.concat(parts) };
}

const COMMA = Buffer.from(",");
const END = Buffer.from("]}");
