import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, type JsonValue } from "../../../src/protocol/canonical-json.js";
import { canonicalText } from "../../../src/protocol/canonical-text.js";
import { JsonCursor } from "../../../src/protocol/strict-json.js";
import { TEST_SEED } from "../../support/seed.js";

/** Pieces of the text, or values read from it: RFC 8785 has one answer. */

const expected = (text: string): string => canonicalJson(JSON.parse(text) as JsonValue);

/** Alone, and inside a longer text that begins and ends as payloads do. */
function expectCanonical(text: string): void {
  expect(canonicalText(text, 0, text.length), text).toBe(expected(text));
  for (const [before, after] of [
    ['{"payload":', ',"x":1}'],
    ["[", "]"],
    ["[ ", " ]"],
  ] as const) {
    expect(canonicalText(before + text + after, before.length, before.length + text.length), text).toBe(expected(text));
  }
}

test("random JSON, with blanks or without, members in any order", () => {
  const property = fc.property(fc.jsonValue({ stringUnit: "binary", maxDepth: 5 }), fc.nat(2), (value, indent) => {
    expectCanonical(JSON.stringify(value, null, indent));
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 2000 });
});

test("texts as other writers make them: numbers, escapes, keys twice, blanks anywhere", () => {
  const { text } = fc.letrec<{ text: string; key: string; list: string; object: string }>((tie) => ({
    text: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        ..."0 -0 1 -1 12.50 1e2 1E+2 -0.0 1e-7 0.1 -12 999999999999999 9007199254740993 123456789012345678".split(" "),
      ),
      fc.constantFrom(
        "true",
        "false",
        "null",
        '""',
        '"a"',
        '"\\u0061"',
        '"\\/"',
        '"é\\n"',
        '"\\ud83d\\ude00"',
        '"😀\u2028\u007f"',
      ),
      tie("list"),
      tie("object"),
    ),
    key: fc.constantFrom(
      '"a"',
      '"b"',
      '"ab"',
      '"a!"',
      '""',
      '"\\u0061"',
      '"__proto__"',
      '"10"',
      '"9"',
      '"é"',
      '"\ufb33"',
      '"😀"',
    ),
    list: fc.array(tie("text"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
    object: fc
      .array(fc.tuple(tie("key"), tie("text")), { maxLength: 5 })
      .map((members) => `{${members.map((m) => m.join(":")).join(",")}}`),
  }));
  const blank = fc.constantFrom("", "", " ", "\n\t");
  const property = fc.property(text, blank, fc.nat(), (given, space, where) => {
    expectCanonical(given);
    // A blank behind one of the brackets, colons and commas; inside a string it only makes another text.
    const places = [...given.matchAll(/[[{:,]/g)].map((match) => match.index + 1);
    const at = places[where % Math.max(places.length, 1)] ?? given.length;
    if (at < given.length) expectCanonical(given.slice(0, at) + space + given.slice(at));
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 3000 });
});

test("many members, sorted, reversed, shuffled, one of them twice", () => {
  for (const count of [1, 2, 23, 24, 25, 26, 300]) {
    const keys = Array.from({ length: count }, (_, i) => `k${String(i).padStart(3, "0")}`);
    const shuffled = keys.map((_, i) => keys[(i * 7919 + 13) % count]!);
    for (const order of [keys, keys.toReversed(), shuffled, [...keys, keys[0]!], [keys.at(-1)!, ...keys]]) {
      expectCanonical(`{${order.map((key, i) => `"${key}":${i}`).join(",")}}`);
    }
  }
});

test("what was asked for before leaves no trace", () => {
  for (const text of ['{"b":1, "a":2}', '{"b":1,"a":2}', '{"a":1,"a":2}', "[1,2]"]) expectCanonical(text);
});

test("nested as deep as the scanner lets through", () => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"b":1,"a":', "}"],
    ['[{"b":1.0,"a":', "}]"],
  ] as const) {
    const levels = open.length === 1 ? 127 : Math.floor(127 / close.length);
    expectCanonical(`${open.repeat(levels)}${open === "[" ? "" : "1"}${close.repeat(levels)}`);
  }
});

test("the cursor reads it after its strict check", () => {
  const cursor = new JsonCursor(' [ {"b":1,"a":"\\u0041"} , 1.50 , null ] ');
  const seen: string[] = [];
  cursor.readArray(() => seen.push(cursor.readCanonical()));
  cursor.end();
  expect(seen).toEqual(['{"a":"A","b":1}', "1.5", "null"]);
  for (const text of ['{"a":01}', '"\\ud800"', "[1,]", '{"a":1e400}']) {
    expect(() => new JsonCursor(text).readCanonical()).toThrow("invalid JSON");
  }
});
