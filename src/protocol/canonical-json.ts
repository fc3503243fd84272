/**
 * RFC 8785 canonical JSON (spec §2.1): the bytes an agent's payload hash covers. Keys are ordered by UTF-16 code units, no
 * whitespace, ES6 numbers. Nesting is bounded so that hostile input cannot overflow the stack.
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Levels of arrays and objects; the original reader passes 127 and refuses 128. */
export const JSON_DEPTH_MAX = 127;

/** The value has no canonical form: lone surrogate, non-finite number, too deep, or not JSON at all. */
export class CanonicalJsonError extends Error {
  override readonly name = "CanonicalJsonError";
}

/** Keys per object up to which an insertion sort beats the built-in sort. */
const INSERTION_SORT_KEYS_MAX = 24;

/** The RFC 8785 text of a value. Throws `CanonicalJsonError`. */
export function canonicalJson(value: JsonValue): string {
  return write(value, JSON_DEPTH_MAX);
}

function write(value: JsonValue, levelsLeft: number): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      if (!Number.isFinite(value)) throw new CanonicalJsonError("number is not finite");
      // Number-to-string is the ES6 algorithm RFC 8785 names; -0 becomes "0".
      return `${value}`;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (levelsLeft === 0) throw new CanonicalJsonError("nested too deeply");
      return Array.isArray(value)
        ? writeArray(value, levelsLeft - 1)
        : writeObject(value as { readonly [key: string]: JsonValue }, levelsLeft - 1);
    default:
      throw new CanonicalJsonError(`${typeof value} is not a JSON value`);
  }
}

function writeArray(items: readonly JsonValue[], levelsLeft: number): string {
  if (items.length === 0) return "[]";
  let text = `[${write(items[0]!, levelsLeft)}`;
  for (let i = 1; i < items.length; i++) text += `,${write(items[i]!, levelsLeft)}`;
  return `${text}]`;
}

function writeObject(members: { readonly [key: string]: JsonValue }, levelsLeft: number): string {
  const prototype = Object.getPrototypeOf(members);
  // A Date, Map or typed array would silently lose its content.
  if (prototype !== Object.prototype && prototype !== null) throw new CanonicalJsonError("not a plain object");
  const keys = Object.keys(members);
  if (keys.length === 0) return "{}";
  sortKeys(keys);
  let text = "{";
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    text += `${i === 0 ? "" : ","}${quote(key)}:${write(members[key]!, levelsLeft)}`;
  }
  return `${text}}`;
}

/** Most senders write keys in order already, so the check costs less than a sort that finds nothing to do. */
function sortKeys(keys: string[]): void {
  if (keys.length > INSERTION_SORT_KEYS_MAX) {
    for (let i = 1; i < keys.length; i++) {
      if (keys[i]! < keys[i - 1]!) {
        keys.sort();
        return;
      }
    }
    return;
  }
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!;
    let at = i;
    for (; at > 0 && key < keys[at - 1]!; at--) keys[at] = keys[at - 1]!;
    keys[at] = key;
  }
}

/** The quoted string. Throws `CanonicalJsonError`. `JSON.stringify` has exactly the escapes of RFC 8785, but hides lone surrogates as escapes. */
export function quote(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || unit >= 0xd800) return quoteSlow(text, i);
  }
  return `"${text}"`;
}

function quoteSlow(text: string, from: number): string {
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) throw new CanonicalJsonError("lone surrogate");
    i++;
  }
  return JSON.stringify(text);
}
