/** A row as one text is the row, or it is damaged. */
import { describe, expect, it } from "vitest";
import { unpackRow } from "../../../src/store/sqlite/frame-row.js";

describe("a packed row", () => {
  it("has every member, and the envelope as it is", () => {
    const row = [7, 1, 9_007_199_254_740_991, 1_795_000_000_000, 2, 4_294_967_295, 0, "AB01", '{"a":[1,2]}', 11];
    expect(unpackRow('7,1,9007199254740991,1795000000000,2,4294967295,0,11,AB01,{"a":[1,2]}')).toEqual(row);
  });

  it("may have no checksum and leave its envelope out", () => {
    expect(unpackRow("7,1,3,-4,2,-1,1,99999,AB01")).toEqual([7, 1, 3, -4, 2, null, 1, "AB01", "", 99_999]);
  });

  it.each(["7,1,x,4,2,5,1,9,AB", "7,1,3.5,4,2,5,1,9,AB", "7,1,3", "7,1,3,4,2,5,1,AB01,{}"])(
    "is refused as %s",
    (packed) => {
      expect(() => unpackRow(packed)).toThrow("entry 7 is damaged");
    },
  );
});
