import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64Any, decodeBase64Url, encodeBase64Url } from "../../../src/protocol/base64url.js";
import { TEST_SEED } from "../../support/seed.js";

test("round trip equals Buffer's, padded or not", () => {
  const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const text = encodeBase64Url(bytes);
    expect(text).toBe(Buffer.from(bytes).toString("base64url"));
    expect(decodeBase64Url(text)).toEqual(bytes);
    expect(decodeBase64Url(text + "=".repeat((4 - (text.length % 4)) % 4))).toEqual(bytes);
    expect(decodeBase64Any(Buffer.from(bytes).toString("base64"), bytes.length)).toEqual(bytes);
    expect(decodeBase64Any(text, bytes.length + 1)).toBeNull();
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 500 });
});

test("what decodes unpadded is the encoding of its bytes: no second spelling", () => {
  const property = fc.property(fc.string({ unit: fc.constantFrom(..."ABab01-_+/= \n.é"), maxLength: 12 }), (text) => {
    const bytes = decodeBase64Url(text);
    if (bytes !== null) expect(encodeBase64Url(bytes)).toBe(text.replace(/=+$/, ""));
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 3000 });
});

test.each(["A", "AAAAA", "AB", "AAB", "A===", "AA=", "AAA==", "AAAA=", "AAAA====", "=", "====", "A A", "AA+A", "AA/A"])(
  "refuses %j",
  (text) => {
    expect(decodeBase64Url(text)).toBeNull();
  },
);

test("keys may use either alphabet, not a mix", () => {
  expect(decodeBase64Any("+/+/", 3)).toEqual(decodeBase64Any("-_-_", 3));
  expect(decodeBase64Any("+_+_", 3)).toBeNull();
});
