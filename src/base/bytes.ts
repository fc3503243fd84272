/** Byte helpers shared by every layer. Browser-safe: no Buffer. */

const HEX_DIGITS = "0123456789abcdef";
const HEX_PAIRS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => HEX_DIGITS[byte >> 4]! + HEX_DIGITS[byte & 15]!,
);

/** Value of each ASCII hex digit, 255 for every other code unit below 256. */
const HEX_VALUES = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) {
  HEX_VALUES[HEX_DIGITS.charCodeAt(value)] = value;
  HEX_VALUES[HEX_DIGITS[value]!.toUpperCase().charCodeAt(0)] = value;
}

/** Lower-case hex without prefix. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX_PAIRS[bytes[i]!];
  return text;
}

/**
 * Decodes exactly `lengthBytes` bytes of hex, any case, optional `0x`. Returns null for anything else.
 */
export function fromHex(text: string, lengthBytes: number): Uint8Array | null {
  const start = text.startsWith("0x") ? 2 : 0;
  return text.length - start === lengthBytes * 2 ? hexAt(text, start, lengthBytes) : null;
}

/** The bytes whose hex digits, any case, stand in the text from `start` on; null when one is something else. */
export function hexAt(text: string, start: number, lengthBytes: number): Uint8Array | null {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0, at = start; i < lengthBytes; i++, at += 2) {
    const high = hexValue(text.charCodeAt(at));
    const low = hexValue(text.charCodeAt(at + 1));
    if (high === 255 || low === 255) return null;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Value of a hex digit, 255 for every other code unit. */
export function hexValue(codeUnit: number): number {
  return codeUnit < 256 ? HEX_VALUES[codeUnit]! : 255;
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

const LONE_SURROGATE = /\p{Cs}/u;

/** False for a text with a lone surrogate: its UTF-8 form is another text's, and so is whatever is hashed of it. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** Length in bytes of the UTF-8 form, without building it. Lone surrogates count as U+FFFD (3 bytes). */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length += 2;
      i++;
    } else length += 2;
  }
  return length;
}
