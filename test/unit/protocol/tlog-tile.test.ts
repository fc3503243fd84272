/** C2SP tlog-tiles: names and geometry. */
import { describe, expect, it } from "vitest";
import { decodeTilePath, ENTRIES, encodeTilePath, hashesOnLevel } from "../../../src/protocol/tlog-tile.js";

describe("tile paths", () => {
  it("name each tile in one way", () => {
    const named: [string, number | typeof ENTRIES, number, number][] = [
      ["0/000", 0, 0, 256],
      ["0/x001/x234/067", 0, 1_234_067, 256],
      ["1/x001/000.p/17", 1, 1000, 17],
      ["entries/x273/999.p/112", ENTRIES, 273_999, 112],
      ["63/x009/x007/x199/x254/740/".slice(0, -1), 63, 9_007_199_254_740, 256],
    ];
    for (const [path, level, index, width] of named) {
      expect(encodeTilePath({ level, index, width })).toBe(path);
      expect(decodeTilePath(path)).toEqual({ level, index, width });
    }
  });

  it("are refused in any other form", () => {
    const bad = [
      "",
      "0",
      "0/",
      "0/0",
      "0/00",
      "0/0000",
      "00/000",
      "64/000",
      "-1/000",
      "0/x000/001",
      "0/001/002",
      "0/x001",
    ];
    const more = [
      "0/000.p/0",
      "0/000.p/256",
      "0/000.p/01",
      "0/000.p/",
      "0/000.p/1/2",
      "0/000.p/1.p/1",
      "0/000/",
      "/0/000",
    ];
    const strange = [
      "entry/000",
      "entries/",
      "0/x9999/000",
      "0/%30",
      `0/${"x999/".repeat(6)}999`,
      "0/xABC/000",
      "0/ 01",
    ];
    for (const path of [...bad, ...more, ...strange]) expect(decodeTilePath(path), path).toBeNull();
  });

  it("have the geometry the C2SP text works out for 70,000 leaves", () => {
    expect([0, 1, 2].map((level) => hashesOnLevel(level, 70_000))).toEqual([70_000, 273, 1]);
  });
});
