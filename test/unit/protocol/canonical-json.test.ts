import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CanonicalJsonError, canonicalJson, type JsonValue } from "../../../src/protocol/canonical-json.js";
import { TEST_SEED } from "../../support/seed.js";

test("RFC 8785 section 3.2.2 example", () => {
  const text = String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`;
  expect(canonicalJson(JSON.parse(text) as JsonValue)).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
});

test("RFC 8785 section 3.2.3 sorting example", () => {
  const text = String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
    "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`;
  const keys = ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"];
  expect(Object.keys(JSON.parse(text) as object)).toHaveLength(keys.length);
  const canonical = canonicalJson(JSON.parse(text) as JsonValue);
  expect([...canonical.matchAll(/"([^"]+)":"/g)].map((match) => match[1])).toEqual(["\\r", ...keys.slice(1)]);
});

test.each<[JsonValue, string]>([
  [-0, "0"],
  [0, "0"],
  [1e21, "1e+21"],
  [1e20, "100000000000000000000"],
  [1e-7, "1e-7"],
  [5e-324, "5e-324"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
  // The original converts every integer to a double first, as JavaScript does.
  [2 ** 53 + 2, "9007199254740994"],
  [JSON.parse("18446744073709551615") as number, "18446744073709552000"],
  ["", '""'],
  ['/\u007f\u2028\u2029\u0000\u001f\b\f\n\r\t"\\', '"/\u007f\u2028\u2029\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\"'],
  ["\uffff\ud83d\ude00\ud7ff\ue000", '"\uffff😀\ud7ff\ue000"'],
  [{}, "{}"],
  [[], "[]"],
  [{ "10": 1, "9": 2, "": 3 }, '{"":3,"10":1,"9":2}'],
  [JSON.parse('{"b":1,"__proto__":{"z":1,"a":2},"a":3}') as JsonValue, '{"__proto__":{"a":2,"z":1},"a":3,"b":1}'],
  [JSON.parse('{"toJSON":1,"constructor":2}') as JsonValue, '{"constructor":2,"toJSON":1}'],
  [Object.assign(Object.create(null) as object, { b: 1, a: 2 }) as JsonValue, '{"a":2,"b":1}'],
])("canonical form of %j", (value, expected) => {
  expect(canonicalJson(value)).toBe(expected);
});

test.each([
  ["NaN", Number.NaN],
  ["Infinity", [Number.POSITIVE_INFINITY]],
  ["high surrogate", { a: "x\ud800" }],
  ["low surrogate", { a: "\udc00x" }],
  ["two low surrogates", "\udc00\udc00"],
  ["swapped pair", "\udc00\ud800"],
  ["two high surrogates", "\ud83d\ud83d\ude00"],
  ["surrogate in a key", { "\ud800": 1 }],
  ["surrogate after an escape", "\n\ud800"],
  ["undefined", { a: undefined }],
  ["hole in an array", new Array(1)],
  ["bigint", 1n],
  ["function", () => 1],
  ["symbol", Symbol("s")],
  ["date", new Date(0)],
  ["map", new Map()],
  ["bytes", new Uint8Array(2)],
])("refuses %s", (_name, value) => {
  expect(() => canonicalJson(value as JsonValue)).toThrow(CanonicalJsonError);
});

test("127 levels pass and 128 fail", () => {
  const nested = (levels: number): JsonValue => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as JsonValue;
  expect(canonicalJson(nested(127))).toHaveLength(254);
  expect(() => canonicalJson(nested(128))).toThrow(CanonicalJsonError);
  expect(() => canonicalJson(nested(5000))).toThrow(CanonicalJsonError);
});

test("many keys, sorted or not", () => {
  for (const count of [23, 24, 25, 300]) {
    const keys = Array.from({ length: count }, (_, i) => `k${(i * 7919) % 1000}`);
    const value = Object.fromEntries(keys.map((key) => [key, 1]));
    const canonical = canonicalJson(value);
    expect(canonical).toBe(canonicalize(value));
    expect(canonicalJson(JSON.parse(canonical) as JsonValue)).toBe(canonical);
  }
});

test("equals npm canonicalize on random JSON, and is a fixed point", () => {
  const property = fc.property(fc.jsonValue({ stringUnit: "binary", maxDepth: 6 }), (value) => {
    const canonical = canonicalJson(value as JsonValue);
    expect(canonical).toBe(canonicalize(value));
    expect(canonicalJson(JSON.parse(canonical) as JsonValue)).toBe(canonical);
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 2000 });
});
