import { expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "../../../src/base/base64.js";

it("is Node's own, there and back, whatever the length", () => {
  // Up to two groups, around the encoder's step, and as long as a proof may be.
  const lengths = [...Array.from({ length: 70 }, (_, length) => length), 3071, 3072, 3073, 2 * 1024 * 1024];
  for (const length of lengths) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    const text = encodeBase64(bytes);
    expect(text === Buffer.from(bytes).toString("base64"), `${length} bytes`).toBe(true);
    expect(Buffer.compare(decodeBase64(text)!, bytes), `${length} bytes`).toBe(0);
  }
});

it.each([
  "A",
  "AA",
  "AAA",
  "A===",
  "AB==",
  "AAB=",
  "AA=A",
  "AAAA=",
  "=AAA",
  "====",
  "A A=",
  " AAA",
  "AA-_",
  "\u00e9AAA",
])("has one spelling for each byte string: %s is none", (text) => {
  expect(decodeBase64(text)).toBeNull();
});

it("reads a text of any length to its verdict", () => {
  expect(decodeBase64(`${"AAAA".repeat(3_500_000)}AAA*`)).toBeNull();
});
