/**
 * JSON without loss of integers (spec stark.md section 6.1, finding F6): integer literals become bigint, so a u64 survives
 * reading and prints as it was. The canonical form sorts keys by code units and prints integers exactly, as the STARK
 * crates do; for values up to 2^53-1 that equals RFC 8785.
 */

export type ExactJson = null | boolean | string | bigint | number | readonly ExactJson[] | ExactJsonObject;
export interface ExactJsonObject {
  readonly [key: string]: ExactJson;
}

/** Nesting beyond this is refused: nothing the formats define comes near it. */
const DEPTH_MAX = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const LONE_SURROGATE = /\p{Cs}/u;
const SPACE = /[ \t\n\r]*/y;

export class ExactJsonError extends Error {
  override readonly name = "ExactJsonError";
}

export function isExactJsonObject(value: ExactJson | undefined): value is ExactJsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses one JSON text. Duplicate keys are refused. Throws ExactJsonError. */
export function parseExactJson(text: string): ExactJson {
  const cursor = new Cursor(text);
  const value = cursor.value(0);
  cursor.space();
  if (cursor.at !== text.length) throw new ExactJsonError(`unexpected text at ${cursor.at}`);
  return value;
}

class Cursor {
  at = 0;

  constructor(readonly text: string) {}

  space(): void {
    this.match(SPACE);
  }

  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  take(literal: string): boolean {
    this.space();
    if (!this.text.startsWith(literal, this.at)) return false;
    this.at += literal.length;
    return true;
  }

  value(depth: number): ExactJson {
    if (depth > DEPTH_MAX) throw new ExactJsonError("nested too deeply");
    if (this.take("{")) return this.object(depth);
    if (this.take("[")) return this.array(depth);
    if (this.take("true")) return true;
    if (this.take("false")) return false;
    if (this.take("null")) return null;
    const number = this.match(NUMBER);
    if (number !== null) return (number[1] ?? number[2]) ? finite(number[0]) : BigInt(number[0]);
    return this.string();
  }

  /** Finds the closing quote by hand: a pattern would need stack for each character of a proof's base64. */
  string(): string {
    this.space();
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    if (this.text[start] !== '"' || end >= this.text.length) throw new ExactJsonError(`unexpected text at ${start}`);
    this.at = end + 1;
    const literal = this.text.slice(start, this.at);
    const value = stringOf(literal);
    // Only an escape can make a lone surrogate, and a string with one has no canonical bytes.
    if (value === null || (literal.includes("\\u") && LONE_SURROGATE.test(value))) {
      throw new ExactJsonError(`bad string at ${start}`);
    }
    return value;
  }

  object(depth: number): ExactJsonObject {
    const entries = new Map<string, ExactJson>();
    if (this.take("}")) return {};
    do {
      const key = this.string();
      if (entries.has(key)) throw new ExactJsonError("duplicate key");
      if (!this.take(":")) throw new ExactJsonError(`missing colon at ${this.at}`);
      entries.set(key, this.value(depth + 1));
    } while (this.take(","));
    if (!this.take("}")) throw new ExactJsonError(`missing brace at ${this.at}`);
    return Object.fromEntries(entries);
  }

  array(depth: number): ExactJson[] {
    const items: ExactJson[] = [];
    if (this.take("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.take(","));
    if (!this.take("]")) throw new ExactJsonError(`missing bracket at ${this.at}`);
    return items;
  }
}

function stringOf(literal: string): string | null {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return null;
  }
}

function finite(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new ExactJsonError("number out of range");
  return value;
}

/** Canonical form: sorted keys, no spaces, exact integers. */
export function canonicalExactJson(value: ExactJson): string {
  return print(value, "", true);
}

/** Compact form with keys in insertion order, integers exact. */
export function compactExactJson(value: ExactJson): string {
  return print(value, "", false);
}

/** Pretty form with two spaces and keys in insertion order, integers exact. */
export function prettyExactJson(value: ExactJson): string {
  return print(value, "\n", false);
}

function print(value: ExactJson, newline: string, isSorted: boolean): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = newline === "" ? "" : `${newline}  `;
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item: ExactJson) => print(item, inner, isSorted))
    : keysOf(value as ExactJsonObject, isSorted).map(
        (key) =>
          `${JSON.stringify(key)}:${newline === "" ? "" : " "}${print((value as ExactJsonObject)[key]!, inner, isSorted)}`,
      );
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return open + close;
  return `${open}${inner}${items.join(`,${inner}`)}${newline}${close}`;
}

function keysOf(value: ExactJsonObject, isSorted: boolean): string[] {
  const keys = Object.keys(value);
  return isSorted ? keys.sort() : keys;
}
