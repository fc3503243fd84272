import { canonicalJson, type JsonValue, quote } from "./canonical-json.js";
import { scanString } from "./json-scanner.js";

/**
 * The RFC 8785 form of JSON text, made of pieces of that text instead of values: most of what a sender writes is canonical
 * but for the order of its members. Every payload passes here.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Up to here an insertion sort is cheap whatever the order. */
const SORTED_MEMBERS_MAX = 24;

/** Integers of this many digits are exact as doubles, and so canonical as they are written. */
const SAFE_DIGITS_MAX = 15;

/**
 * Canonical text of the value that fills `start` to `end`, which the scanner has passed: well-formed, no blanks around it.
 * Repeated keys: the last one wins, as in `JSON.parse`.
 */
export function canonicalText(text: string, start: number, end: number): string {
  return rewriter.rewrite(text, start, end) ?? canonicalJson(JSON.parse(text.slice(start, end)) as JsonValue);
}

interface Member {
  readonly start: number;
  /** After the key's closing quote. */
  readonly keyEnd: number;
  readonly end: number;
  /** Canonical text; null = as it is written. */
  readonly text: string | null;
}

class Rewriter {
  #text = "";
  #at = 0;
  /** Something for which values are needed: blanks, an escape in a key, a key twice, many members out of order. */
  #isBeyond = false;

  rewrite(text: string, start: number, end: number): string | null {
    this.#text = text;
    this.#at = start;
    this.#isBeyond = false;
    const rewritten = this.#value();
    this.#text = "";
    return this.#isBeyond ? null : (rewritten ?? text.slice(start, end));
  }

  /** Steps over a value. Returns its canonical text, or null when that is how it is written. */
  #value(): string | null {
    const unit = this.#text.charCodeAt(this.#at);
    switch (unit) {
      case QUOTE:
        return this.#string();
      case OPEN_BRACE:
        return this.#object();
      case OPEN_BRACKET:
        return this.#array();
      case LOWER_T:
      case LOWER_N:
        this.#at += 4;
        return null;
      case LOWER_F:
        this.#at += 5;
        return null;
      default:
        return this.#number();
    }
  }

  #string(): string | null {
    const text = this.#text;
    const start = this.#at;
    let at = start + 1;
    let unit = text.charCodeAt(at);
    while (unit !== QUOTE && unit !== BACKSLASH && at < text.length) unit = text.charCodeAt(++at);
    if (unit === QUOTE) {
      this.#at = at + 1;
      return null;
    }
    this.#at = scanString(text, start);
    return quote(JSON.parse(text.slice(start, this.#at)) as string);
  }

  #number(): string | null {
    const text = this.#text;
    const start = this.#at;
    const digits = text.charCodeAt(start) === MINUS ? start + 1 : start;
    let at = digits;
    let unit = text.charCodeAt(at);
    while (unit >= ZERO && unit <= NINE) unit = text.charCodeAt(++at);
    const isWhole = unit === COMMA || unit === CLOSE_BRACE || unit === CLOSE_BRACKET;
    if (isWhole && at - digits <= SAFE_DIGITS_MAX && (digits === start || text.charCodeAt(digits) !== ZERO)) {
      this.#at = at;
      return null;
    }
    while (isNumberUnit(unit)) unit = text.charCodeAt(++at);
    this.#isBeyond ||= at === start;
    this.#at = at;
    return `${Number(text.slice(start, at))}`;
  }

  #array(): string | null {
    const text = this.#text;
    const start = this.#at++;
    if (this.#takeClose(CLOSE_BRACKET)) return null;
    let rewritten = "";
    let rewrittenTo = start;
    do {
      const itemStart = this.#at;
      const item = this.#value();
      if (item !== null) {
        rewritten += text.slice(rewrittenTo, itemStart) + item;
        rewrittenTo = this.#at;
      }
    } while (this.#hasNext(CLOSE_BRACKET));
    return rewrittenTo === start ? null : rewritten + text.slice(rewrittenTo, this.#at);
  }

  #object(): string | null {
    this.#at++;
    if (this.#takeClose(CLOSE_BRACE)) return null;
    const members: Member[] = [];
    let isAsWritten = true;
    do {
      const member = this.#member();
      isAsWritten &&= member.text === null;
      if (!this.#insert(members, member)) isAsWritten = false;
    } while (this.#hasNext(CLOSE_BRACE));
    if (isAsWritten) return null;
    let text = "{";
    for (let i = 0; i < members.length; i++) {
      const member = members[i]!;
      text += `${i === 0 ? "" : ","}${member.text ?? this.#text.slice(member.start, member.end)}`;
    }
    return `${text}}`;
  }

  #member(): Member {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE || this.#string() !== null) this.#isBeyond = true;
    const keyEnd = this.#at;
    if (this.#text.charCodeAt(keyEnd) !== COLON) this.#isBeyond = true;
    this.#at = keyEnd + 1;
    const value = this.#value();
    const text = value === null ? null : this.#text.slice(start, keyEnd + 1) + value;
    return { start, keyEnd, end: this.#at, text };
  }

  /** Puts a member where it belongs; true = that is the end. */
  #insert(members: Member[], member: Member): boolean {
    let at = members.length;
    for (; at > 0; at--) {
      const order = this.#compareKeys(member, members[at - 1]!);
      if (order === 0 || (order < 0 && members.length >= SORTED_MEMBERS_MAX)) this.#isBeyond = true;
      if (order >= 0 || this.#isBeyond) break;
    }
    const isLast = at === members.length;
    members.push(member);
    for (let i = members.length - 1; i > at; i--) members[i] = members[i - 1]!;
    members[at] = member;
    return isLast;
  }

  /** By UTF-16 code units; keys without escapes stand in the text as they are. */
  #compareKeys(a: Member, b: Member): number {
    const text = this.#text;
    const aLength = a.keyEnd - a.start;
    const bLength = b.keyEnd - b.start;
    const common = Math.min(aLength, bLength) - 1;
    for (let i = 1; i < common; i++) {
      const difference = text.charCodeAt(a.start + i) - text.charCodeAt(b.start + i);
      if (difference !== 0) return difference;
    }
    return aLength - bLength;
  }

  #takeClose(bracket: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== bracket) return false;
    this.#at++;
    return true;
  }

  /** After a member or item: true at a comma, false at the end. */
  #hasNext(close: number): boolean {
    const unit = this.#text.charCodeAt(this.#at++);
    if (unit !== COMMA && unit !== close) this.#isBeyond = true;
    return unit === COMMA && !this.#isBeyond;
  }
}

const rewriter = new Rewriter();

/** Digits, signs, point and exponent. */
function isNumberUnit(unit: number): boolean {
  return (unit >= 0x2b && unit <= NINE && unit !== COMMA && unit !== 0x2f) || unit === 0x65 || unit === 0x45;
}
