import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import { literal, ScratchBytes } from "../../../src/base/scratch-bytes.js";

describe("scratch bytes", () => {
  const scratch = new ScratchBytes();

  it.each([
    ["nothing", ""],
    ["plain text", "order.confirmed"],
    ["quotes and backslashes", 'a "b" \\ c'],
    ["control characters", "\u0000\n\u001f\u007f"],
    ["two, three and four bytes", "é € 😀"],
    ["a lone surrogate", "\ud800x"],
    ["what comes late", `${"x".repeat(300)}ü`],
  ])("writes %s as JSON.stringify does, and as UTF-8", (_, text) => {
    const written = scratch.begin(0).ascii("<").quoted(text).utf8(text).ascii(">").copy();
    expect(written).toEqual(Buffer.from(`<${JSON.stringify(text)}${text}>`, "utf8"));
  });

  it("writes a text whose bytes are known, and refuses another number of them", () => {
    for (const text of ["", "x".repeat(5_000), "ü€😀".repeat(1_000)]) {
      const bytes = Buffer.byteLength(text);
      expect(scratch.begin(0).ascii("<").text(text, bytes).ascii(">").copy()).toEqual(Buffer.from(`<${text}>`));
      expect(() => scratch.begin(0).text(text, bytes + 1)).toThrow("as UTF-8");
    }
  });

  it("makes room for whatever comes, whatever it was told to expect", () => {
    const id = randomUUID() as Uuid;
    const bytes = randomBytes(70);
    const text = "ü€".repeat(5_000);
    scratch.begin(0);
    const expected: Buffer[] = [];
    for (let i = 0; i < 40; i++) {
      scratch.utf8(text).uuid(uuidToBytes(id)).hex(bytes).all(literal("literal")).part(bytes, 3, 60).bytes(bytes);
      scratch.quoted(text).u64(2 ** 53 - 1 - i);
      const number = Buffer.alloc(8);
      number.writeBigUInt64BE(2n ** 53n - 1n - BigInt(i));
      expected.push(Buffer.from(`${text}${id}${bytes.toString("hex")}literal`), bytes.subarray(3, 60), bytes);
      expected.push(Buffer.from(JSON.stringify(text)), number);
    }
    expect(scratch.copy().equals(Buffer.concat(expected))).toBe(true);
    expect(scratch.length).toBe(Buffer.concat(expected).length);
  });
});
