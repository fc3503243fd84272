import { JSON_DEPTH_MAX } from "./canonical-json.js";

/**
 * Finds where JSON tokens end, checking the whole grammar on the way. Positions in, positions out, no substrings and no
 * recursion. Every function returns the position after the token, or -1 when the text is refused: broken grammar, a lone
 * surrogate (escaped or raw), a number beyond a double, or nesting past the bound. What passes, `JSON.parse` accepts.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A decimal integer this short can never reach the largest double (about 1.8e308). */
const FINITE_DIGITS_MAX = 308;

export function skipBlanks(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break;
  }
  return at;
}

/** `start` is at the opening quote. */
export function scanString(text: string, start: number): number {
  let at = start;
  for (;;) {
    // Past the end the unit is NaN, which leaves the loop like any other unit that needs a decision.
    let unit = text.charCodeAt(++at);
    while (unit >= 0x20 && unit !== QUOTE && unit !== BACKSLASH && unit < 0xd800) unit = text.charCodeAt(++at);
    if (unit === QUOTE) return at + 1;
    if (unit === BACKSLASH) {
      at = scanEscape(text, at) - 1;
      if (at < 0) return -1;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
      if (!isLowSurrogate(text.charCodeAt(++at))) return -1;
    } else if (!(unit >= 0xe000)) return -1;
  }
}

function scanEscape(text: string, backslash: number): number {
  const unit = text.charCodeAt(backslash + 1);
  if (unit !== LOWER_U) return isSimpleEscape(unit) ? backslash + 2 : -1;
  const code = hex4(text, backslash + 2);
  if (code < 0) return -1;
  if (code < 0xd800 || code > 0xdfff) return backslash + 6;
  const next = backslash + 6;
  const isEscape = text.charCodeAt(next) === BACKSLASH && text.charCodeAt(next + 1) === LOWER_U;
  if (code > 0xdbff || !isEscape || !isLowSurrogate(hex4(text, next + 2))) return -1;
  return next + 6;
}

/** `start` is at the minus sign or the first digit. */
export function scanNumber(text: string, start: number): number {
  let at = text.charCodeAt(start) === MINUS ? start + 1 : start;
  const integer = at;
  at = scanDigits(text, at);
  if (at === integer || (text.charCodeAt(integer) === ZERO && at > integer + 1)) return -1;
  let isSurelyFinite = at - integer <= FINITE_DIGITS_MAX;
  if (text.charCodeAt(at) === DOT) {
    const fraction = at + 1;
    at = scanDigits(text, fraction);
    if (at === fraction) return -1;
  }
  if ((text.charCodeAt(at) | 0x20) === 0x65) {
    at++;
    const sign = text.charCodeAt(at);
    if (sign === MINUS || sign === 0x2b) at++;
    at = scanDigits(text, at);
    // Number() below also refuses an exponent without digits.
    isSurelyFinite = false;
  }
  return isSurelyFinite || Number.isFinite(Number(text.slice(start, at))) ? at : -1;
}

function scanDigits(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < ZERO || unit > NINE) break;
  }
  return at;
}

/** Any value, blanks before it allowed. `level` is how many arrays and objects already enclose it. */
export function scanValue(text: string, start: number, level: number): number {
  let at = skipBlanks(text, start);
  const first = text.charCodeAt(at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return scanScalar(text, at, first);
  /** One entry for each open level: is it an object. The level bound bounds it. */
  const isObject: boolean[] = [];
  for (;;) {
    // Here a value starts at `at`.
    const unit = text.charCodeAt(at);
    if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      if (level + isObject.length >= JSON_DEPTH_MAX) return -1;
      const close = unit === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      at = skipBlanks(text, at + 1);
      if (text.charCodeAt(at) !== close) {
        isObject.push(unit === OPEN_BRACE);
        if (unit === OPEN_BRACE) at = scanKey(text, at);
        if (at < 0) return -1;
        continue;
      }
      at++;
    } else {
      at = scanScalar(text, at, unit);
      if (at < 0) return -1;
    }
    at = scanAfterValue(text, at, isObject);
    if (at < 0 || isObject.length === 0) return at;
  }
}

/** After a value: closes what ends here, and steps over a comma (and key) to the next value. */
function scanAfterValue(text: string, start: number, isObject: boolean[]): number {
  let at = start;
  while (isObject.length > 0) {
    const inObject = isObject[isObject.length - 1]!;
    at = skipBlanks(text, at);
    const unit = text.charCodeAt(at);
    if (unit === COMMA) {
      at = skipBlanks(text, at + 1);
      return inObject ? scanKey(text, at) : at;
    }
    if (unit !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return -1;
    isObject.pop();
    at++;
  }
  return at;
}

/** A key and its colon; returns where the value starts. */
function scanKey(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return -1;
  const end = scanString(text, start);
  if (end < 0) return -1;
  const colon = skipBlanks(text, end);
  return text.charCodeAt(colon) === COLON ? skipBlanks(text, colon + 1) : -1;
}

function scanScalar(text: string, at: number, first: number): number {
  if (first === QUOTE) return scanString(text, at);
  if (first === MINUS || (first >= ZERO && first <= NINE)) return scanNumber(text, at);
  if (text.startsWith("true", at) || text.startsWith("null", at)) return at + 4;
  return text.startsWith("false", at) ? at + 5 : -1;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** `" \ / b f n r t`. */
function isSimpleEscape(unit: number): boolean {
  switch (unit) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

/** Value of four hex digits, or -1. */
function hex4(text: string, start: number): number {
  let code = 0;
  for (let i = start; i < start + 4; i++) {
    const unit = text.charCodeAt(i);
    const lower = unit | 0x20;
    if (unit >= ZERO && unit <= NINE) code = code * 16 + unit - ZERO;
    else if (lower >= 0x61 && lower <= 0x66) code = code * 16 + lower - 0x57;
    else return -1;
  }
  return code;
}
