import { assert } from "../base/assert.js";
import { fromHex, hexAt } from "../base/bytes.js";
import { isUuidAt, parseUuid, UUID_LENGTH, type Uuid } from "../base/ids.js";
import { JSON_DEPTH_MAX, type JsonValue } from "./canonical-json.js";
import { canonicalText } from "./canonical-text.js";
import { JsonDataError, JsonSyntaxError } from "./json-errors.js";
import { scanNumber, scanString, scanValue, skipBlanks } from "./json-scanner.js";

/**
 * A strict cursor over one JSON document, for request bodies where `JSON.parse` loses facts: duplicate members, 64-bit
 * integers, `1.0` for an integer, lone surrogates, nesting (spec §2.1, §17). Linear in the text; throws nothing but
 * `JsonSyntaxError` and `JsonDataError`. After a throw the cursor is spent.
 */
const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const U64_DIGITS_MAX = 20;
/** Integers of this many digits are exact as doubles. */
const SAFE_DIGITS_MAX = 15;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;

/** A slice of the document: code unit positions, end exclusive. */
export interface JsonRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The members an object may have: at most 31 names of plain ASCII, one bit each. It also learns the order in which senders
 * write them, so that a name in its usual place costs one comparison instead of a substring, a hash and a lookup.
 */
export class JsonFields {
  readonly names: readonly string[];
  readonly quoted: readonly string[];
  readonly requiredMask: number;
  readonly #indexes: ReadonlyMap<string, number>;
  /** `#successor[i + 1]` is the field last seen after field i; entry 0 the one seen first. */
  readonly #successor: Uint8Array;

  constructor(required: readonly string[], optional: readonly string[] = []) {
    this.names = [...required, ...optional];
    this.quoted = this.names.map((name) => JSON.stringify(name));
    this.#indexes = new Map(this.names.map((name, index) => [name, index]));
    assert(this.names.length <= 31 && this.#indexes.size === this.names.length, "up to 31 distinct field names");
    this.requiredMask = 2 ** required.length - 1;
    this.#successor = Uint8Array.from({ length: this.names.length + 1 }, (_, i) => Math.min(i, this.names.length - 1));
  }

  /** Which field probably follows `previous` (-1 at the start). */
  guess(previous: number): number {
    return this.#successor[previous + 1]!;
  }

  /** Index of a name, or -1; remembers that it followed `previous`. */
  find(name: string, previous: number): number {
    const index = this.#indexes.get(name);
    if (index === undefined) return -1;
    this.#successor[previous + 1] = index;
    return index;
  }
}

/** Reads a value in a way of its own. */
export interface ValueReader<T> {
  /**
   * `start` is the first character of the value, `level` how many arrays and objects enclose it. Null leaves the value to
   * the cursor's own methods; whoever takes it answers for its grammar.
   */
  read(text: string, start: number, level: number): T | null;
  /** Position after the value that was taken last. */
  readonly end: number;
}

export class JsonCursor {
  readonly #text: string;
  #at = 0;
  readonly #outerLevels: number;
  /** Open arrays and objects; `#path[i]` is the member or index being read at level i. */
  #level = 0;
  readonly #path: (string | number)[] = [];

  /** `outerLevels`: arrays and objects around what is read whose nesting does not count against the bound. */
  constructor(text: string, outerLevels = 0) {
    this.#text = text;
    this.#outerLevels = outerLevels;
  }

  /** RFC 6901 pointer to the value being read. */
  get pointer(): string {
    let pointer = "";
    for (let i = 0; i < this.#level; i++) {
      const step = this.#path[i]!;
      if (step === -1) break;
      pointer += `/${typeof step === "number" ? step : step.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    }
    return pointer;
  }

  /** Refuses the value being read: well-formed, but not what the caller can take. */
  fail(message: string): never {
    throw new JsonDataError(message, this.pointer);
  }

  /**
   * Calls `onKey` at each member's value; it reads exactly one value, or nothing to have the value skipped. Repeated keys
   * are reported each time.
   */
  readObject(onKey: (key: string) => void): void {
    this.#expectOpen("{", "an object");
    const level = this.#open();
    if (!this.#takeIf("}")) {
      do {
        const key = this.#readKey();
        this.#path[level] = key;
        const before = this.#at;
        onKey(key);
        if (this.#at === before) this.skipValue();
        this.#path[level] = -1;
      } while (this.#hasNext("}"));
    }
    this.#level = level;
  }

  /**
   * Reads an object with known members: `onField` must read one value. Unknown members are skipped, a repeated known one
   * is refused, and so is a missing required one.
   */
  readFields(fields: JsonFields, onField: (name: string) => void): void {
    this.#expectOpen("{", "an object");
    const level = this.#open();
    let seen = 0;
    if (!this.#takeIf("}")) {
      let previous = -1;
      do {
        const index = this.#readFieldName(fields, previous, level);
        if (index < 0) this.skipValue();
        else {
          const bit = 1 << index;
          if ((seen & bit) !== 0) this.fail(`duplicate field \`${fields.names[index]}\``);
          seen |= bit;
          previous = index;
          const before = this.#at;
          onField(fields.names[index]!);
          assert(this.#at > before, "a known field was not read");
        }
        this.#path[level] = -1;
      } while (this.#hasNext("}"));
    }
    const missing = fields.requiredMask & ~seen;
    if (missing !== 0) this.fail(`missing field \`${fields.names[31 - Math.clz32(missing & -missing)]}\``);
    this.#level = level;
  }

  /** Calls `onItem` at each item's value; it reads exactly one value, or nothing to have it skipped. */
  readArray(onItem: (index: number) => void): void {
    this.#expectOpen("[", "an array");
    const level = this.#open();
    if (!this.#takeIf("]")) {
      let index = 0;
      do {
        this.#path[level] = index;
        this.#at = skipBlanks(this.#text, this.#at);
        const before = this.#at;
        onItem(index++);
        if (this.#at === before) this.skipValue();
        this.#path[level] = -1;
      } while (this.#hasNext("]"));
    }
    this.#level = level;
  }

  readString(): string {
    const start = this.#valueStart();
    if (this.#text.charCodeAt(start) !== QUOTE) this.#wrongType("a string");
    return this.#takeString(start);
  }

  /** A string of exactly `lengthBytes` bytes of hex, any case, with or without `0x`. */
  readHex(lengthBytes: number): Uint8Array {
    const start = this.#valueStart();
    const digits = this.#text.startsWith('"0x', start) ? start + 3 : start + 1;
    const end = digits + 2 * lengthBytes;
    // In place, without a string of its own; whatever is written in another way is read as a string first.
    if (this.#text.charCodeAt(start) === QUOTE && this.#text.charCodeAt(end) === QUOTE) {
      const bytes = hexAt(this.#text, digits, lengthBytes);
      if (bytes !== null) {
        this.#at = end + 1;
        return bytes;
      }
    }
    return fromHex(this.readString(), lengthBytes) ?? this.fail(`expected ${lengthBytes} bytes of hex`);
  }

  /** A UUID in any accepted spelling (`parseUuid`). */
  readUuid(): Uuid {
    const start = this.#valueStart();
    const end = start + 1 + UUID_LENGTH;
    const text = this.#text;
    if (text.charCodeAt(start) === QUOTE && text.charCodeAt(end) === QUOTE && isUuidAt(text, start + 1)) {
      this.#at = end + 1;
      return text.slice(start + 1, end) as Uuid;
    }
    return parseUuid(this.readString()) ?? this.fail("expected a UUID");
  }

  /** An integer 0..2^32-1. `1.0`, `1e2`, `-0` and anything out of range are refused. */
  readU32(): number {
    const digits = this.#readInteger("an integer from 0 to 4294967295", false);
    const value = digits.length <= SAFE_DIGITS_MAX ? Number(digits) : Number.POSITIVE_INFINITY;
    return value <= U32_MAX ? value : this.fail("expected an integer from 0 to 4294967295");
  }

  /** An integer -2^31..2^31-1. */
  readI32(): number {
    const expected = "an integer from -2147483648 to 2147483647";
    const digits = this.#readInteger(expected, true);
    const value = digits.length <= SAFE_DIGITS_MAX ? Number(digits) : Number.POSITIVE_INFINITY;
    return value === (value | 0) && digits !== "-0" ? value | 0 : this.fail(`expected ${expected}`);
  }

  /** An integer 0..2^64-1, always as bigint. */
  readU64(): bigint {
    const expected = "an integer from 0 to 18446744073709551615";
    const digits = this.#readInteger(expected, false);
    const value = digits.length <= U64_DIGITS_MAX ? BigInt(digits) : U64_MAX + 1n;
    return value <= U64_MAX ? value : this.fail(`expected ${expected}`);
  }

  /** What the reader makes of the value; null = it is still to be read. */
  readBy<T>(reader: ValueReader<T>): T | null {
    const value = reader.read(this.#text, this.#valueStart(), this.#level);
    if (value !== null) this.#at = reader.end;
    return value;
  }

  /** Any value, as `JSON.parse` reads it (a repeated key: the last one wins), after the strict check of `skipValue`. */
  readValue(): JsonValue {
    const { start, end } = this.readRawValue();
    return JSON.parse(this.#text.slice(start, end)) as JsonValue;
  }

  /** The RFC 8785 text of any value, after the strict check of `skipValue`. */
  readCanonical(): string {
    const { start, end } = this.readRawValue();
    return canonicalText(this.#text, start, end);
  }

  /** Any value as it is written, after the strict check of `skipValue`. */
  readText(): string {
    const { start, end } = this.readRawValue();
    return this.#text.slice(start, end);
  }

  /** Where a value stands in the text, without blanks around it. */
  readRawValue(): JsonRange {
    const start = this.#valueStart();
    this.skipValue();
    return { start, end: this.#at };
  }

  /** Checks the whole grammar of a value, its nesting, surrogates and number ranges, and steps over it. */
  skipValue(): void {
    const end = scanValue(this.#text, this.#at, this.#level - this.#outerLevels);
    if (end < 0) this.#malformed();
    this.#at = end;
  }

  /** Is the next value `null`? Reads nothing. */
  peekNull(): boolean {
    return this.#text.startsWith("null", this.#valueStart());
  }

  /** Reads a `null`, or else what `read` reads. */
  readNullOr<T>(read: () => T): T | null {
    if (!this.peekNull()) return read();
    this.skipValue();
    return null;
  }

  /** The document must end here. */
  end(): void {
    if (skipBlanks(this.#text, this.#at) !== this.#text.length) throw new JsonSyntaxError("trailing characters", "");
  }

  #valueStart(): number {
    this.#at = skipBlanks(this.#text, this.#at);
    return this.#at;
  }

  #expectOpen(bracket: "{" | "[", expected: string): void {
    const start = this.#valueStart();
    if (this.#text[start] !== bracket) this.#wrongType(expected);
    if (this.#level - this.#outerLevels >= JSON_DEPTH_MAX) this.#malformed();
    this.#at = start + 1;
  }

  #open(): number {
    const level = this.#level++;
    this.#path[level] = -1;
    return level;
  }

  #takeIf(bracket: "}" | "]"): boolean {
    this.#at = skipBlanks(this.#text, this.#at);
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  /** After a member or item: true at a comma, false at the closing bracket. */
  #hasNext(bracket: "}" | "]"): boolean {
    if (this.#takeIf(bracket)) return false;
    if (this.#text.charCodeAt(this.#at) !== COMMA) this.#malformed();
    this.#at++;
    return true;
  }

  /** Index of the member name that starts here, -1 when unknown. */
  #readFieldName(fields: JsonFields, previous: number, level: number): number {
    const start = this.#valueStart();
    const guess = fields.guess(previous);
    const quoted = fields.quoted[guess]!;
    if (this.#text.startsWith(quoted, start)) {
      this.#at = start + quoted.length;
      // Before the path names it, as below: what is refused must not show what was guessed, which others' requests taught.
      this.#takeColon();
      this.#path[level] = fields.names[guess]!;
      return guess;
    }
    const name = this.#readKey();
    this.#path[level] = name;
    return fields.find(name, previous);
  }

  #readKey(): string {
    const start = this.#valueStart();
    if (this.#text.charCodeAt(start) !== QUOTE) this.#malformed();
    const key = this.#takeString(start);
    this.#takeColon();
    return key;
  }

  #takeColon(): void {
    const colon = this.#valueStart();
    if (this.#text.charCodeAt(colon) !== COLON) this.#malformed();
    this.#at = skipBlanks(this.#text, colon + 1);
  }

  #takeString(start: number): string {
    const end = scanString(this.#text, start);
    if (end < 0) this.#malformed();
    this.#at = end;
    const body = this.#text.slice(start + 1, end - 1);
    return body.includes("\\") ? (JSON.parse(this.#text.slice(start, end)) as string) : body;
  }

  /** The text of a number that is written as an integer. */
  #readInteger(expected: string, isSigned: boolean): string {
    const start = this.#valueStart();
    const first = this.#text.charCodeAt(start);
    const isNumber = (first >= 0x30 && first <= 0x39) || first === MINUS;
    if (!isNumber || (first === MINUS && !isSigned)) this.#wrongType(expected);
    const end = scanNumber(this.#text, start);
    if (end < 0) this.#malformed();
    const digits = this.#text.slice(start, end);
    if (digits.includes(".") || digits.includes("e") || digits.includes("E")) this.fail(`expected ${expected}`);
    this.#at = end;
    return digits;
  }

  /** A value of another type is a data error, but broken JSON stays a syntax error. */
  #wrongType(expected: string): never {
    this.skipValue();
    this.fail(`expected ${expected}`);
  }

  #malformed(): never {
    throw new JsonSyntaxError("invalid JSON", this.pointer);
  }
}
