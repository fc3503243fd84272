import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/stark/v2/byte-reader.js";
import { ProofWriter } from "../../../src/stark/v2/proof-writer.js";

function encoded(value: number): Uint8Array {
  const writer = new ProofWriter();
  writer.varint(value);
  return writer.finish();
}

describe("length prefixes (section 2)", () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 35_712, 2_097_151, 2_097_152, 2 ** 28 - 1])("%i survives", (value) => {
    const bytes = encoded(value);
    const reader = new ByteReader(bytes);
    expect(reader.varint()).toBe(value);
    expect([reader.refusal, reader.remaining]).toEqual([null, 0]);
    for (let cut = 0; cut < bytes.length; cut++) {
      const short = new ByteReader(bytes.subarray(0, cut));
      short.varint();
      expect(short.refusal?.code).toBe("PROOF_TRUNCATED");
    }
  });

  it("longer than need be, or longer than any accepted proof needs, is refused", () => {
    const refused = [
      [0b10, 0],
      [0b100, 0, 0],
      [0xfe, 0x01],
      [0b1000, 0, 0, 0],
      [0b10000, 1, 1, 1, 1],
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    for (const bytes of refused) {
      const reader = new ByteReader(Uint8Array.from(bytes));
      reader.varint();
      expect(reader.refusal?.code).toBe("PROOF_MALFORMED");
    }
  });

  it("the first failure sticks and later reads are zero", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3));
    reader.skip(4);
    expect([reader.u8(), reader.uint(2), reader.u64(), reader.varint(), reader.skip(1)]).toEqual([0, 0, 0n, 0, 0]);
    reader.fail("PROOF_MALFORMED", "later");
    reader.finish();
    expect(reader.refusal?.code).toBe("PROOF_TRUNCATED");
  });
});
