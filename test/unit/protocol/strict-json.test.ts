import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/protocol/canonical-json.js";
import { JsonDataError, type JsonReadError, JsonSyntaxError } from "../../../src/protocol/json-errors.js";
import { JsonCursor, JsonFields } from "../../../src/protocol/strict-json.js";
import { propertySeed } from "./support.js";

const seed = propertySeed("strict-json");

type Refusal = new (message: string, pointer: string) => JsonReadError;

function readDocument(text: string): JsonValue {
  const cursor = new JsonCursor(text);
  const value = cursor.readValue();
  cursor.end();
  return value;
}

function refusal(read: () => unknown): JsonReadError {
  try {
    read();
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonDataError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("whole values", () => {
  test("random JSON, with any blanks, reads as JSON.parse reads it", () => {
    const blanks = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 3 });
    const property = fc.property(fc.jsonValue({ stringUnit: "binary" }), blanks, fc.nat(3), (value, blank, indent) => {
      const text = blank + JSON.stringify(value, null, indent) + blank;
      expect(readDocument(text)).toStrictEqual(JSON.parse(text));
    });
    fc.assert(property, { seed, numRuns: 1000 });
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
    fc.assert(property, { seed, numRuns: 5000 });
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
    fc.assert(property, { seed, numRuns: 5000 });
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

  test("time is linear: a megabyte of the worst shapes", () => {
    const size = 1 << 20;
    const shapes = ['"\\u0061', "[1,", '{"a":[', "1", '"', "\\", " ", '{"a":1,"a":1,'];
    const startedAt = performance.now();
    for (const shape of shapes) expectNoLooserThanParse(shape.repeat(size / shape.length));
    expect(performance.now() - startedAt).toBeLessThan(2000);
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
      } else if (key === "b") seen.push(cursor.readBoolean());
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
    fc.assert(property, { seed, numRuns: 1000 });
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
    fc.assert(property, { seed, numRuns: 5000 });
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

describe("typed scalars", () => {
  const readU32 = (text: string) => new JsonCursor(text).readU32();
  const readI32 = (text: string) => new JsonCursor(text).readI32();
  const readU64 = (text: string) => new JsonCursor(text).readU64();

  test("accepted integers", () => {
    expect([readU32("0"), readU32(" 4294967295 ")]).toEqual([0, 4294967295]);
    expect([readI32("-2147483648"), readI32("0"), readI32("2147483647")]).toEqual([-2147483648, 0, 2147483647]);
    expect([readU64("0"), readU64("18446744073709551615")]).toEqual([0n, 18446744073709551615n]);
  });

  const refusedIntegers: [string, Refusal][] = [
    ["1.0", JsonDataError],
    ["1e2", JsonDataError],
    ["1E2", JsonDataError],
    ["-0", JsonDataError],
    ["99999999999999999999", JsonDataError],
    ["9".repeat(300), JsonDataError],
    ['"1"', JsonDataError],
    ["true", JsonDataError],
    ["null", JsonDataError],
    ["[]", JsonDataError],
    ["01", JsonSyntaxError],
    ["-", JsonSyntaxError],
    ["1.", JsonSyntaxError],
    ["1e", JsonSyntaxError],
    ["+1", JsonSyntaxError],
    [".5", JsonSyntaxError],
    ["1e999", JsonSyntaxError],
    ["[1", JsonSyntaxError],
    ["", JsonSyntaxError],
    ["nul", JsonSyntaxError],
  ];
  test.each(refusedIntegers)("integer %j is a %o", (text, kind) => {
    for (const read of [readU32, readI32, readU64]) expect(refusal(() => read(text))).toBeInstanceOf(kind);
  });

  test("ranges", () => {
    for (const text of ["4294967296", "-1"]) expect(refusal(() => readU32(text))).toBeInstanceOf(JsonDataError);
    for (const text of ["2147483648", "-2147483649"])
      expect(refusal(() => readI32(text))).toBeInstanceOf(JsonDataError);
    for (const text of ["18446744073709551616", "-1"])
      expect(refusal(() => readU64(text))).toBeInstanceOf(JsonDataError);
  });

  test("strings, booleans and containers refuse other types, and broken text of any type stays a syntax error", () => {
    const readers: ((cursor: JsonCursor) => unknown)[] = [
      (cursor) => cursor.readString(),
      (cursor) => cursor.readBoolean(),
      (cursor) => cursor.readObject(() => {}),
      (cursor) => cursor.readArray(() => {}),
    ];
    for (const read of readers) {
      expect(refusal(() => read(new JsonCursor("12")))).toBeInstanceOf(JsonDataError);
      for (const text of ["x", "tru", "12x3".slice(2), '"a', "[1", ""]) {
        expect(refusal(() => read(new JsonCursor(text)))).toBeInstanceOf(JsonSyntaxError);
      }
    }
    expect(new JsonCursor('"a\\u0000\\ud83d\\ude00é"').readString()).toBe("a\u0000😀é");
  });
});

describe("hex and ids", () => {
  const digits = "00ff1aB9";
  const id = "01234567-89ab-cdef-0123-456789abcdef";

  test("any accepted spelling, in place or with escapes", () => {
    for (const text of [`"${digits}"`, `"0x${digits}"`, ` "0x00FF1AB9" `, `"0\\u00780\\u0030ff1ab9"`]) {
      const cursor = new JsonCursor(`[${text},1]`);
      const seen: unknown[] = [];
      cursor.readArray((index) => seen.push(index === 0 ? [...cursor.readHex(4)] : cursor.readU32()));
      cursor.end();
      expect(seen).toEqual([[0, 255, 26, 185], 1]);
    }
    const spellings = [
      id,
      id.toUpperCase(),
      id.replaceAll("-", ""),
      `{${id}}`,
      `urn:uuid:${id}`,
      `\\u0030${id.slice(1)}`,
    ];
    for (const text of spellings) {
      const cursor = new JsonCursor(` "${text}" `);
      expect(cursor.readUuid()).toBe(id);
      cursor.end();
    }
  });

  test("anything else is a data error, broken text a syntax error", () => {
    const hexes = [
      '"00ff1ab"',
      '"00ff1ab90"',
      '"0x00ff1ag9"',
      '"0X00ff1ab9"',
      '"00ff1ab\\""',
      "1",
      "null",
      '""',
      '"é0ff1ab9"',
    ];
    for (const text of hexes) expect(refusal(() => new JsonCursor(text).readHex(4))).toBeInstanceOf(JsonDataError);
    const ids = [`"${id}0"`, `"${id.slice(1)}"`, `"${id.replace("-", "0")}"`, `"g${id.slice(1)}"`, "1", '""', "{}"];
    for (const text of ids) expect(refusal(() => new JsonCursor(text).readUuid())).toBeInstanceOf(JsonDataError);
    for (const text of [`"${digits}`, `${digits}"`, "", '"\\x"', '"0x']) {
      expect(refusal(() => new JsonCursor(text).readHex(4))).toBeInstanceOf(JsonSyntaxError);
      expect(refusal(() => new JsonCursor(text).readUuid())).toBeInstanceOf(JsonSyntaxError);
    }
  });
});

describe("known fields", () => {
  const fields = new JsonFields(["id", "name"], ["note"]);
  const read = (text: string): string[] => {
    const cursor = new JsonCursor(text);
    const seen: string[] = [];
    cursor.readFields(fields, (name) => {
      seen.push(name);
      cursor.skipValue();
    });
    return seen;
  };

  test("any order, unknown members skipped, escaped names known", () => {
    expect(read('{"id":1,"name":2,"note":3}')).toEqual(["id", "name", "note"]);
    expect(read('{"note":3,"x":[{"id":1}],"name":2,"id":1}')).toEqual(["note", "name", "id"]);
    expect(read('{"\\u0069d":1,"name":2}')).toEqual(["id", "name"]);
    expect(read('{"id":1,"identity":0,"name":2,"nam":0,"":0}')).toEqual(["id", "name"]);
  });

  test("the learned order never changes what is read", () => {
    const orders = fc.shuffledSubarray(["id", "name", "note", "x", "id2"], { minLength: 5 });
    const property = fc.property(orders, (names) => {
      const text = JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i])));
      expect(read(text)).toEqual(names.filter((name) => name !== "x" && name !== "id2"));
    });
    fc.assert(property, { seed });
  });

  test("duplicates and missing fields are data errors with a pointer", () => {
    const duplicate = refusal(() => read('{"id":1,"name":2,"id":3}'));
    expect(duplicate).toBeInstanceOf(JsonDataError);
    expect([duplicate.message, duplicate.pointer]).toEqual(["duplicate field `id`", "/id"]);
    expect(refusal(() => read('{"id":1,"\\u0069d":3,"name":1}')).message).toBe("duplicate field `id`");
    const missing = refusal(() => read('{"id":1}'));
    expect(missing).toBeInstanceOf(JsonDataError);
    expect([missing.message, missing.pointer]).toEqual(["missing field `name`", ""]);
    expect(refusal(() => read("{}")).message).toBe("missing field `id`");
  });

  test("a wrong type inside a known field has its pointer, in usual order or not", () => {
    for (const text of ['{"id":{},"name":[0,"x"]}', '{"name":[0,"x"],"id":{}}']) {
      const cursor = new JsonCursor(text);
      const walkFields = (): void =>
        cursor.readFields(fields, (name) => {
          if (name === "id") cursor.skipValue();
          else cursor.readArray(() => cursor.readU32());
        });
      expect(refusal(walkFields).pointer).toBe("/name/1");
    }
  });

  test("thirty-one fields at most, all distinct", () => {
    const names = Array.from({ length: 31 }, (_, i) => `f${i}`);
    const cursor = new JsonCursor(JSON.stringify(Object.fromEntries(names.map((name) => [name, 0]))));
    let count = 0;
    cursor.readFields(new JsonFields(names), () => {
      count += 1 + cursor.readU32();
    });
    expect(count).toBe(31);
    const without = new JsonCursor(JSON.stringify(Object.fromEntries(names.slice(0, 30).map((name) => [name, 0]))));
    expect(refusal(() => without.readFields(new JsonFields(names), () => without.skipValue())).message).toContain(
      "f30",
    );
    expect(() => new JsonFields([...names, "f31"])).toThrow();
    expect(() => new JsonFields(["a"], ["a"])).toThrow();
  });
});

test("pointers name the place, escaped as RFC 6901 says", () => {
  const cursor = new JsonCursor('{"events":[{},{"a/b~c":"x"}]}');
  const error = refusal(() =>
    cursor.readObject(() => cursor.readArray(() => cursor.readObject(() => cursor.readU32()))),
  );
  expect(error).toBeInstanceOf(JsonDataError);
  expect(error.pointer).toBe("/events/1/a~1b~0c");
  const broken = new JsonCursor('{"a":[1,2}');
  expect(refusal(() => broken.readObject(() => broken.readArray(() => broken.readU32()))).pointer).toBe("/a");
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
  if (typeof shape === "boolean") return cursor.readBoolean();
  return cursor.readNullOr(() => cursor.readValue());
}

function readByPlan(cursor: JsonCursor, choice: number, read: () => void): unknown {
  switch (choice) {
    case 0:
      return cursor.readString();
    case 1:
      return cursor.readBoolean();
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
