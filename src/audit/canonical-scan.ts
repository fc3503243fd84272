/**
 * Sees at a glance that JSON is in RFC 8785 form, without building its values. It knows only what is common and simple;
 * whatever else it meets (escapes, keys beyond ASCII, deep nesting, damage) it leaves to a full reading.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const ASCII_END = 0x80;

/** Every integer of so many digits is its own shortest form. */
const EXACT_DIGITS_MAX = 15;

const LEVELS_MAX = 32;

const WORDS = ["true", "false", "null"].map((word) => Buffer.from(word, "latin1"));

const UNKNOWN = -1;

/**
 * Index behind the value that begins at `from` when that value certainly is canonical, else -1. The bytes from `from` to
 * `to` must be well-formed UTF-8; what follows the value is not looked at.
 */
export function endOfCanonical(bytes: Buffer, from: number, to: number): number {
  return endOfValue(bytes, from, to, LEVELS_MAX);
}

function endOfValue(bytes: Buffer, at: number, to: number, levelsLeft: number): number {
  if (at >= to) return UNKNOWN;
  const first = bytes[at]!;
  if (first === QUOTE) return endOfString(bytes, at + 1, to, 0x100);
  if (first === OBJECT) return levelsLeft === 0 ? UNKNOWN : endOfObject(bytes, at + 1, to, levelsLeft - 1);
  if (first === ARRAY) return levelsLeft === 0 ? UNKNOWN : endOfArray(bytes, at + 1, to, levelsLeft - 1);
  if (first === MINUS || isDigit(first)) return endOfNumber(bytes, at, to);
  for (const word of WORDS) {
    if (word[0] === first)
      return bytes.compare(word, 0, word.length, at, Math.min(at + word.length, to)) === 0 ? at + word.length : UNKNOWN;
  }
  return UNKNOWN;
}

/** From behind the opening quote to behind the closing one. Bytes from `bytesEnd` on and escapes end it. */
function endOfString(bytes: Buffer, from: number, to: number, bytesEnd: number): number {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20 || byte === BACKSLASH || byte >= bytesEnd) return UNKNOWN;
  }
  return UNKNOWN;
}

function endOfObject(bytes: Buffer, from: number, to: number, levelsLeft: number): number {
  if (bytes[from] === OBJECT_END) return from + 1;
  let [previous, previousEnd] = [0, 0];
  for (let at = from; at < to; at++) {
    if (bytes[at] !== QUOTE) return UNKNOWN;
    const keyEnd = endOfString(bytes, at + 1, to, ASCII_END);
    // Of ASCII keys the order of bytes is the order of UTF-16 units.
    if (keyEnd === UNKNOWN || bytes[keyEnd] !== COLON) return UNKNOWN;
    if (previousEnd !== 0 && !isBefore(bytes, previous, previousEnd, at + 1, keyEnd - 1)) return UNKNOWN;
    [previous, previousEnd] = [at + 1, keyEnd - 1];
    at = endOfValue(bytes, keyEnd + 1, to, levelsLeft);
    if (at === UNKNOWN || at >= to) return UNKNOWN;
    if (bytes[at] === OBJECT_END) return at + 1;
    if (bytes[at] !== COMMA) return UNKNOWN;
  }
  return UNKNOWN;
}

function endOfArray(bytes: Buffer, from: number, to: number, levelsLeft: number): number {
  if (bytes[from] === ARRAY_END) return from + 1;
  for (let at = from; at < to; at++) {
    at = endOfValue(bytes, at, to, levelsLeft);
    if (at === UNKNOWN || at >= to) return UNKNOWN;
    if (bytes[at] === ARRAY_END) return at + 1;
    if (bytes[at] !== COMMA) return UNKNOWN;
  }
  return UNKNOWN;
}

function endOfNumber(bytes: Buffer, from: number, to: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from;
  let at = first;
  while (at < to && isDigit(bytes[at]!)) at++;
  const next = at < to ? bytes[at]! : COMMA;
  const digits = at - first;
  if (next !== DOT && (next | 0x20) !== 0x65 && digits <= EXACT_DIGITS_MAX) {
    const isLeadingZero = bytes[first] === ZERO && (digits > 1 || first !== from);
    return digits === 0 || isLeadingZero ? UNKNOWN : at;
  }
  while (at < to && isOfNumber(bytes[at]!)) at++;
  const text = bytes.toString("latin1", from, at);
  return `${Number(text)}` === text ? at : UNKNOWN;
}

function isBefore(bytes: Buffer, a: number, aEnd: number, b: number, bEnd: number): boolean {
  while (a < aEnd && b < bEnd && bytes[a] === bytes[b]) [a, b] = [a + 1, b + 1];
  if (b === bEnd) return false;
  return a === aEnd || bytes[a]! < bytes[b]!;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** A digit, point, sign or exponent. */
function isOfNumber(byte: number): boolean {
  return isDigit(byte) || byte === DOT || byte === MINUS || byte === 0x2b || (byte | 0x20) === 0x65;
}
