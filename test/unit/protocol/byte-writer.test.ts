import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex, utf8 } from "../../../src/base/bytes.js";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import { ByteWriter } from "../../../src/protocol/byte-writer.js";
import { TEST_SEED } from "../../support/seed.js";

test("integers are big-endian and bounded", () => {
  const writer = new ByteWriter();
  writer
    .u32(0)
    .u32(0xffff_ffff)
    .u64(1)
    .u64(2 ** 53 - 1)
    .u64(0xffff_ffff_ffff_ffffn);
  expect(toHex(writer.view())).toBe("00000000ffffffff0000000000000001001fffffffffffffffffffffffffffff");
  for (const value of [-1, 1.5, 2 ** 32, Number.NaN]) expect(() => writer.u32(value)).toThrow("u32");
  for (const value of [-1, 0.5, 2 ** 53, -1n, 2n ** 64n]) expect(() => writer.u64(value)).toThrow("u64");
});

test("u64 gives the same bytes for a number and its bigint", () => {
  const property = fc.property(fc.maxSafeNat(), (value) => {
    expect(new ByteWriter().u64(value).finish()).toEqual(new ByteWriter().u64(BigInt(value)).finish());
  });
  fc.assert(property, { seed: TEST_SEED });
});

test("text is counted in UTF-8 bytes, whatever its length and alphabet", () => {
  const texts = fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), fc.string({ maxLength: 200 }));
  const property = fc.property(texts, (text) => {
    const bytes = new ByteWriter(1).str(text).u32(7).finish();
    const encoded = utf8(text);
    expect(new DataView(bytes.buffer).getUint32(0)).toBe(encoded.length);
    expect(bytes.subarray(4, -4)).toEqual(encoded);
    expect(toHex(bytes.subarray(-4))).toBe("00000007");
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 500 });
});

test("uuid writes the bytes in textual order and refuses anything but the canonical form", () => {
  const property = fc.property(fc.uuid(), (text) => {
    expect(new ByteWriter().uuid(text as Uuid).finish()).toEqual(uuidToBytes(text as Uuid));
  });
  fc.assert(property, { seed: TEST_SEED });
  const aliases = ["q1111111-1111-1111-1111-111111111111", "A1111111-1111-1111-1111-111111111111", "11", ""];
  for (const alias of aliases) expect(() => new ByteWriter().uuid(alias as Uuid)).toThrow("canonical");
});

test("a reused writer starts clean; finish copies, view does not", () => {
  const writer = new ByteWriter(4);
  const copy = writer.bytes(Uint8Array.of(1, 2, 3, 4, 5)).finish();
  const view = writer.view();
  writer.reset().ascii("ab");
  expect(writer.length).toBe(2);
  expect([...copy]).toEqual([1, 2, 3, 4, 5]);
  expect([...view]).toEqual([97, 98, 3, 4, 5]);
});
