/** Typed reads of strict JSON: scalars, hex and ids, known fields, and the pointers of what they refuse. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonDataError, type JsonReadError, JsonSyntaxError } from "../../../src/protocol/json-errors.js";
import { JsonCursor, JsonFields } from "../../../src/protocol/strict-json.js";
import { TEST_SEED } from "../../support/seed.js";
import { refusal } from "./json-refusal.js";

type Refusal = new (message: string, pointer: string) => JsonReadError;

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

  test("strings and containers refuse other types, and broken text of any type stays a syntax error", () => {
    const readers: ((cursor: JsonCursor) => unknown)[] = [
      (cursor) => cursor.readString(),
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
    fc.assert(property, { seed: TEST_SEED });
  });

  test("what is refused does not show which order was learned: that of others' documents", () => {
    for (const broken of ['{"id":1,"name"2}', '{"id":1,"note"', '{"id"1,"name":2}', '{"name":1x,"id":2}']) {
      const learned = ['{"id":1,"name":2}', '{"name":2,"id":1}', '{"id":1,"note":0,"name":2}'].map((document) => {
        read(document);
        const { message, pointer } = refusal(() => read(broken));
        return { message, pointer };
      });
      expect(learned[1]).toEqual(learned[0]);
      expect(learned[2]).toEqual(learned[0]);
    }
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
