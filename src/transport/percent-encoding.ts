/** What the native library puts for bytes of a head that are no UTF-8. */
const NO_UTF8 = "\uFFFD";

/**
 * The text behind percent-encoding, null where it is none or encodes no UTF-8: a reader that replaces what it cannot decode, as
 * URLSearchParams does, would look for another name than the one that was meant.
 */
export function decodePercent(text: string): string | null {
  if (text.includes(NO_UTF8)) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
