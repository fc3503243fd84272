/**
 * Standard base64 (RFC 4648 §4) as signed notes and proofs are written in: always padded, one spelling for each byte string.
 * The reader is total and refuses every other spelling with null. Browser-safe.
 */
const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/;

/** Bytes per step of the encoder, so that arguments stay few; a multiple of 3, so that only the last step is padded. */
const STEP_BYTES = 3 * 1024;

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + STEP_BYTES)));
  }
  return text;
}

export function decodeBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !ALPHABET.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
  // Bits behind the last whole byte must be zero, or two texts would mean the same bytes.
  return encodeBase64(bytes) === text ? bytes : null;
}
