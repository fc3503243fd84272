/**
 * base64url as the protocol's `_b64u` fields use it (spec §1.3): written without padding, read with or without it. The
 * reader is strict: a stray character, a wrong length or non-zero trailing bits make it return null.
 */
const ALPHABET_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ALPHABET_STANDARD = `${ALPHABET_URL.slice(0, 62)}+/`;
const INVALID = 255;

const VALUES_URL = valuesOf(ALPHABET_URL);
const VALUES_STANDARD = valuesOf(ALPHABET_STANDARD);

export function encodeBase64Url(bytes: Uint8Array): string {
  let text = "";
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += urlDigit(group >> 18) + urlDigit(group >> 12) + urlDigit(group >> 6) + urlDigit(group);
  }
  const left = bytes.length - i;
  if (left === 1) text += urlDigit(bytes[i]! >> 2) + urlDigit(bytes[i]! << 4);
  if (left === 2) {
    const group = (bytes[i]! << 8) | bytes[i + 1]!;
    text += urlDigit(group >> 10) + urlDigit(group >> 4) + urlDigit(group << 2);
  }
  return text;
}

/** Decodes unpadded or fully padded base64url, else null. */
export function decodeBase64Url(text: string): Uint8Array | null {
  return decode(text, VALUES_URL);
}

/**
 * Decodes exactly `lengthBytes` bytes written in the standard or the URL alphabet, padded or not (keys in configuration
 * and key registration). Null for anything else, including a mix of both alphabets.
 */
export function decodeBase64Any(text: string, lengthBytes: number): Uint8Array | null {
  const bytes = decode(text, VALUES_URL) ?? decode(text, VALUES_STANDARD);
  return bytes !== null && bytes.length === lengthBytes ? bytes : null;
}

function urlDigit(bits: number): string {
  return ALPHABET_URL[bits & 63]!;
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(INVALID);
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}

function decode(text: string, values: Uint8Array): Uint8Array | null {
  const digits = digitCount(text);
  const tail = digits % 4;
  if (tail === 1) return null;
  const bytes = new Uint8Array((digits * 6) >> 3);
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const unit = text.charCodeAt(i);
    const value = unit < 128 ? values[unit]! : INVALID;
    if (value === INVALID) return null;
    held = ((held << 6) | value) & 0xffff;
    heldBits += 6;
    if (heldBits >= 8) {
      heldBits -= 8;
      bytes[at++] = held >> heldBits;
    }
  }
  // What remains after the last whole byte must be zero, or two texts would decode to the same bytes.
  return (held & ((1 << heldBits) - 1)) === 0 ? bytes : null;
}

/** Length without padding. Padding that does not complete a group of four stays in and is refused as a stray character. */
function digitCount(text: string): number {
  if (text.length % 4 !== 0 || !text.endsWith("=")) return text.length;
  return text.endsWith("==") ? text.length - 2 : text.length - 1;
}
