/** Strict JSON as a whole and walked, held against `JSON.parse`. Typed reads: `strict-json-types.test.ts`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/protocol/canonical-json.js";
import { JsonDataError, JsonSyntaxError } from "../../../src/protocol/json-errors.js";
import { JsonCursor, JsonFields } from "../../../src/protocol/strict-json.js";
import { TEST_SEED } from "../../support/seed.js";
import { refusal } from "./json-refusal.js";

function readDocument(text: string): JsonValue {
  const cursor = new JsonCursor(text);
  const value = cursor.readValue();
  cursor.end();
  return value;
}

/** A text that counts the characters it is asked for, one by one or in pieces. */
class CountedText extends String {
  looks = 0;

  override charCodeAt(at: number): number {
    this.looks += 1;
    return super.charCodeAt(at);
  }

  override slice(start: number, end: number): string {
    this.looks += end - start;
    return super.slice(start, end);
  }

  override startsWith(searched: string, at: number): boolean {
    this.looks += searched.length;
    return super.startsWith(searched, at);
  }
}

describe("whole values", () => {
  test("random JSON, with any blanks, reads as JSON.parse reads it", () => {
    const blanks = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 3 });
    const property = fc.property(fc.jsonValue({ stringUnit: "binary" }), blanks, fc.nat(3), (value, blank, indent) => {
      const text = blank + JSON.stringify(value, null, indent) + blank;
      expect(readDocument(text)).toStrictEqual(JSON.parse(text));
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 1000 });
  });

  test("damaged JSON: accepted only with JSON.parse's value, refused whenever JSON.parse refuses", () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[],:"\\u0d8eE+-.19tfn \n\u0000\u2028é', "")), {
      maxLength: 3,
    });
    const property = fc.property(fc.jsonValue(), edits, (value, list) => {
      let text = JSON.stringify(value);
      for (const [where, character] of list) {
        const at = where % (text.length + 1);
        text = text.slice(0, at) + character + text.slice(at + (where % 2));
      }
      expectNoLooserThanParse(text);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 5000 });
  });

  test("garbage made of JSON's own characters never throws anything but its two errors", () => {
    const tokens = fc.constantFrom(
      ...'{ } [ ] , : "" "a" "\\n" "\\ud83d\\ude00" "\\ud83d" \\ 0 -1 1.5 1e5 01 - . true false null nul \u00a0 \ufeff'.split(
        " ",
      ),
    );
    const property = fc.property(fc.array(tokens, { maxLength: 12 }), (list) => {
      expectNoLooserThanParse(list.join(""));
      expectNoLooserThanParse(list.join(" "));
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 5000 });
  });

  test.each([
    ["lone high surrogate escape", '"\\ud800"'],
    ["lone low surrogate escape", '["\\uDC00"]'],
    ["swapped pair of escapes", '"\\udc00\\ud800"'],
    ["high surrogate escape before a raw low one", '"\\ud83d\ude00"'],
    ["two high surrogate escapes", '"\\ud83d\\ud83d\\ude00"'],
    ["lone surrogate escape in a key", '{"\\ud800":1}'],
    ["two low surrogate escapes", '"\\udc00\\udc00"'],
    ["raw lone high surrogate", '"\ud800"'],
    ["raw lone low surrogate", '"\udc00"'],
    ["raw low surrogates", '"\udc00\udc00"'],
    ["number past a double", "1e400"],
    ["long number past a double", `[-${"9".repeat(400)}]`],
    ["nesting of 128", "[".repeat(128) + "]".repeat(128)],
    ["nesting of 128 objects", `${'{"a":'.repeat(128)}1${"}".repeat(128)}`],
    ["a million open brackets", "[".repeat(1_000_000)],
    ["a million open objects", '{"a":'.repeat(1_000_000)],
    ["byte order mark", "\ufeff1"],
    ["nothing", ""],
    ["second value", "1 2"],
    ["blank of another kind", "\u00a01"],
  ])("refuses %s", (_name, text) => {
    expect(refusal(() => readDocument(text))).toBeInstanceOf(JsonSyntaxError);
  });

  test.each([
    ["surrogate pair as escapes", '"\\ud83d\\uDE00"', "😀"],
    ["raw surrogate pair", '"😀"', "😀"],
    ["nesting of 127", `${"[".repeat(127)}${"]".repeat(127)}`, null],
    ["underflow", "1e-400", 0],
    ["long but finite", `0.${"1".repeat(400)}`, Number(`0.${"1".repeat(400)}`)],
    ["large but finite", `${"9".repeat(308)}`, Number("9".repeat(308))],
    ["zero with a huge exponent", "0e999999999999", 0],
    ["repeated keys: the last one wins", '{"a":1,"a":2}', { a: 2 }],
    ["__proto__ is an ordinary key", '{"__proto__":{"x":1}}', JSON.parse('{"__proto__":{"x":1}}')],
  ])("accepts %s", (_name, text, expected) => {
    const value = readDocument(text);
    if (expected !== null) expect(value).toStrictEqual(expected);
  });

  test("nesting counts from the root of the document, not of the value", () => {
    const read = (levels: number): void => {
      const cursor = new JsonCursor(`[[${"[".repeat(levels)}${"]".repeat(levels)}]]`);
      cursor.readArray(() => cursor.readArray(() => cursor.readValue()));
      cursor.end();
    };
    read(125);
    expect(refusal(() => read(126))).toBeInstanceOf(JsonSyntaxError);
  });

  test("typed nesting has the same bound", () => {
    const read = (levels: number): void => {
      const cursor = new JsonCursor("[".repeat(levels) + "]".repeat(levels));
      const descend = (): void => cursor.readArray(descend);
      descend();
      cursor.end();
    };
    read(127);
    for (const levels of [128, 100_000]) expect(refusal(() => read(levels))).toBeInstanceOf(JsonSyntaxError);
  });
});

describe.each([
  ["a value", (cursor: JsonCursor) => void cursor.readValue()],
  ["canonical text", (cursor: JsonCursor) => void cursor.readCanonical()],
  ["parts", (cursor: JsonCursor, text: string) => void walk(cursor, JSON.parse(text) as JsonValue)],
] as const)("reading %s looks at each character a few times, however long the text", (_, read) => {
  test.each([
    ['"', "\\u0061", '"'],
    ['"', "\\\\", '"'],
    ['"', "a\ud83d\ude00", '"'],
    ["0.", "1", ""],
    ["[1", "   ", "]"],
    ["[", "1 , ", "1]"],
    ["[", '"a",', "1]"],
    ["[", "[[]],", "1]"],
    ["[", '{"b":1,"a":1},', "1]"],
    ["{", '"a":1,', '"a":1}'],
    ["[[[", "1,", "1]]]"],
  ])("%s%s%s, the middle 64 KiB of it", (open, shape, close) => {
    const text = open + shape.repeat((1 << 16) / shape.length) + close;
    const counted = new CountedText(text);
    const cursor = new JsonCursor(counted as unknown as string);
    read(cursor, text);
    cursor.end();
    expect(counted.looks).toBeGreaterThan(text.length / 2);
    expect(counted.looks).toBeLessThan(12 * text.length);
  });
});

describe("walking", () => {
  test("objects and arrays give every member in order; what is not read is skipped", () => {
    const cursor = new JsonCursor(
      ' { "a" : [ 1 , "x" , null ] , "skip" : {"deep":[{}]} , "b" : true , "\\u0063" : [] } ',
    );
    const seen: unknown[] = [];
    cursor.readObject((key) => {
      seen.push(key);
      if (key === "a") {
        cursor.readArray((index) => {
          if (index === 0) seen.push(cursor.readU32());
          else if (index === 2) seen.push(cursor.readNullOr(() => cursor.readString()));
        });
      } else if (key === "b") seen.push(cursor.readValue());
      else if (key === "c") cursor.readArray(() => seen.push("never"));
    });
    cursor.end();
    expect(seen).toEqual(["a", 1, null, "skip", "b", true, "c"]);
  });

  test("random JSON walked by its shape gives the same parts", () => {
    const property = fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as JsonValue;
      const cursor = new JsonCursor(JSON.stringify(parsed, null, 1));
      expect(walk(cursor, parsed)).toStrictEqual(parsed);
      cursor.end();
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 1000 });
  });

  test("any sequence of reads over any text ends in a value or one of the two errors", () => {
    const text = fc.oneof(fc.json(), fc.string({ unit: fc.constantFrom(...'{}[],:"\\ntfu01-.e '), maxLength: 30 }));
    const property = fc.property(text, fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }), (source, plan) => {
      const cursor = new JsonCursor(source);
      let step = 0;
      const read = (): void => {
        readByPlan(cursor, plan[step++ % plan.length]!, read);
      };
      try {
        read();
        cursor.end();
      } catch (error) {
        if (!(error instanceof JsonSyntaxError) && !(error instanceof JsonDataError)) throw error;
      }
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 5000 });
  });

  test("a raw value is its exact text", () => {
    const text = '{"a": [1, 2 ] ,"b":"x"}';
    const cursor = new JsonCursor(text);
    const raw: string[] = [];
    cursor.readObject(() => {
      const { start, end } = cursor.readRawValue();
      raw.push(text.slice(start, end));
    });
    expect(raw).toEqual(["[1, 2 ]", '"x"']);
  });
});

function expectNoLooserThanParse(text: string): void {
  let parsed: { value: unknown } | null = null;
  try {
    parsed = { value: JSON.parse(text) };
  } catch {
    expect(refusal(() => readDocument(text))).toBeInstanceOf(JsonSyntaxError);
    return;
  }
  try {
    expect(readDocument(text)).toStrictEqual(parsed.value);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    expect(mayBeRefused(text), text.slice(0, 200)).toBe(true);
  }
}

/** JSON.parse took it: the only reasons left to refuse are surrogates, doubles and nesting. */
function mayBeRefused(text: string): boolean {
  return /\\u[dD][89a-fA-F]|[\ud800-\udfff]|[eE]|\d{300}/.test(text) || text.split(/[[{]/).length > 128;
}

function walk(cursor: JsonCursor, shape: JsonValue): unknown {
  if (Array.isArray(shape)) {
    const items: unknown[] = [];
    cursor.readArray((index) => items.push(walk(cursor, shape[index]!)));
    return items;
  }
  if (typeof shape === "object" && shape !== null) {
    const members: [string, unknown][] = [];
    cursor.readObject((key) =>
      members.push([key, walk(cursor, (shape as { readonly [key: string]: JsonValue })[key]!)]),
    );
    return Object.fromEntries(members);
  }
  if (typeof shape === "string") return cursor.readString();
  return cursor.readNullOr(() => cursor.readValue());
}

function readByPlan(cursor: JsonCursor, choice: number, read: () => void): unknown {
  switch (choice) {
    case 0:
      return cursor.readString();
    case 1:
      return cursor.readText();
    case 2:
      return cursor.readU32();
    case 3:
      return cursor.readU64();
    case 4:
      return cursor.readValue();
    case 5:
      return cursor.readNullOr(() => cursor.readI32());
    case 6:
      return cursor.skipValue();
    case 7:
      return cursor.readFields(new JsonFields([], ["a", ""]), () => cursor.readValue());
    case 8:
      return cursor.readArray(read);
    default:
      return cursor.readObject(read);
  }
}
