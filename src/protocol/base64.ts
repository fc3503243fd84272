/**
 * Base64 as signed notes write it (RFC 4648 §4): standard alphabet, always padded, one spelling for each byte string. The
 * reader is total and refuses every other spelling with null.
 */
const PATTERN = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Bytes per step of the encoder, so that arguments stay few. */
const STEP_BYTES = 3 * 1024;

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + STEP_BYTES)));
  }
  return text;
}

export function decodeBase64(text: string): Uint8Array | null {
  if (!PATTERN.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
  // Bits behind the last whole byte must be zero, or two texts would mean the same bytes.
  return encodeBase64(bytes) === text ? bytes : null;
}
