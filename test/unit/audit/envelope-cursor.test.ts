import { describe, expect, it } from "vitest";
import { EnvelopeCursor } from "../../../src/audit/envelope-cursor.js";

const UUID = "00112233-4455-6677-8899-aabbccddeeff";
const UUID_BYTES = Buffer.from(UUID.replaceAll("-", ""), "hex");

/** Over `text`, with what would make every short read valid behind it. */
function over(text: string): EnvelopeCursor {
  const cursor = new EnvelopeCursor();
  const bytes = Buffer.from(`x${text}`, "latin1");
  cursor.begin(Buffer.concat([bytes, Buffer.from(`0${UUID}"`)]), 1, bytes.length);
  return cursor;
}

describe("envelope cursor", () => {
  it("reads each value in its one form and stands behind it", () => {
    const cursor = over(`{"a":4294967295,${UUID}${UUID}18446744073709551615 00ff"a b"`);
    const target = Buffer.alloc(18);
    cursor.literal(Buffer.from('{"a":'));
    expect(cursor.u32()).toBe(4294967295);
    cursor.literal(Buffer.from(","));
    cursor.uuid(target, 2);
    expect(target.subarray(2)).toEqual(UUID_BYTES);
    expect(cursor.hasUuid(target, 2)).toBe(true);
    expect(cursor.u64()).toBe(2 ** 64);
    cursor.literal(Buffer.from(" "));
    expect(cursor.hasHex(Buffer.from([0, 255]), 0, 2)).toBe(true);
    cursor.literal(Buffer.from('"'));
    const start = cursor.at;
    expect(cursor.plainText() - start).toBe(3);
    cursor.expectEnd();
  });

  it.each([
    ["a u32 too large", "4294967296", (c: EnvelopeCursor) => c.u32()],
    ["a u64 too large", "18446744073709551616", (c: EnvelopeCursor) => c.u64()],
    ["a leading zero", "01", (c: EnvelopeCursor) => c.u32()],
    ["no digit", "x", (c: EnvelopeCursor) => c.u32()],
    ["nothing", "", (c: EnvelopeCursor) => c.u64()],
    ["upper-case hex", "AA", (c: EnvelopeCursor) => c.hex(Buffer.alloc(1), 0, 1)],
    ["hex cut short", "a", (c: EnvelopeCursor) => c.hex(Buffer.alloc(1), 0, 1)],
    ["a UUID without its hyphens", UUID.replaceAll("-", ""), (c: EnvelopeCursor) => c.uuid(Buffer.alloc(16), 0)],
    ["a UUID in upper case", UUID.toUpperCase(), (c: EnvelopeCursor) => c.uuid(Buffer.alloc(16), 0)],
    ["a UUID cut short", UUID.slice(0, -1), (c: EnvelopeCursor) => c.uuid(Buffer.alloc(16), 0)],
    ["text cut short", "abc", (c: EnvelopeCursor) => c.plainText()],
    ["text with an escape", 'a\\"b"', (c: EnvelopeCursor) => c.plainText()],
    ["text with a control character", 'a\nb"', (c: EnvelopeCursor) => c.plainText()],
    ["another literal", "abd", (c: EnvelopeCursor) => c.literal(Buffer.from("abc"))],
    ["a literal cut short", "ab", (c: EnvelopeCursor) => c.literal(Buffer.from("ab0"))],
    ["an end that is not there yet", "a", (c: EnvelopeCursor) => c.expectEnd()],
    ["a way back", "ab", (c: EnvelopeCursor) => c.moveTo(0)],
    ["a way past the end", "ab", (c: EnvelopeCursor) => c.moveTo(4)],
  ])("throws at %s", (_, text, read) => {
    expect(() => read(over(text))).toThrow(/^the envelope is not canonical/);
  });

  it.each([
    ["another UUID", UUID.replace("f", "e")],
    ["one wrong hyphen", UUID.replace("-", "0")],
    ["a UUID cut short", UUID.slice(0, -1)],
  ])("does not move past %s", (_, text) => {
    const cursor = over(text);
    expect(cursor.hasUuid(UUID_BYTES, 0)).toBe(false);
    expect(cursor.at).toBe(1);
  });
});
