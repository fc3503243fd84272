import { describe, expect, it } from "vitest";
import { chooseFamilies } from "../../../bench/families/families.js";
import { renderSvg } from "../../../bench/report/svg.js";
import { table } from "../../../bench/result.js";

describe("plots", () => {
  it("draw a bar per row, as long as its value, and escape their texts", () => {
    const bars = [
      { label: "ours <1>", value: 200, isOurs: true },
      { label: "theirs & co", value: 50, isOurs: false },
    ];
    const svg = renderSvg({ kind: "bars", name: "n", title: "T", note: "N", unit: "events/s", bars });
    const widths = [...svg.matchAll(/<rect class="(?:ours|other)"[^>]* width="([0-9.]+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(widths).toHaveLength(2);
    expect(widths[0]! / widths[1]!).toBeCloseTo(4, 1);
    expect(svg).toContain("ours &lt;1&gt;");
    expect(svg).toContain("theirs &amp; co");
    expect(svg).toContain("prefers-color-scheme:dark");
  });

  it.each([false, true])("keep every point of a line inside the frame, logarithmic: %s", (isLog) => {
    const series = [{ label: "a", points: [1, 10, 100, 1000].map((x) => [x, 3 * x] as const) }];
    const plot = { kind: "lines" as const, name: "n", title: "T", note: "N", xLabel: "x", yLabel: "y", series };
    const svg = renderSvg({ ...plot, isLogX: isLog, isLogY: isLog });
    const points = [...svg.matchAll(/cx="([0-9.]+)" cy="([0-9.]+)"/g)].map((match) => match.slice(1).map(Number));
    expect(points).toHaveLength(4);
    for (const [x, y] of points) {
      expect(x).toBeGreaterThanOrEqual(70);
      expect(x).toBeLessThanOrEqual(740);
      expect(y).toBeGreaterThanOrEqual(70);
      expect(y).toBeLessThanOrEqual(340);
    }
    expect(svg).not.toContain("NaN");
  });
});

describe("tables", () => {
  it("align their columns, the first to the left", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["a", "1"],
          ["bbbbb", "100"],
        ],
      ),
    ).toEqual(["name     n", "a        1", "bbbbb  100"]);
  });
});

describe("--only", () => {
  it("takes a family, a load or a group of loads, and nothing else", () => {
    expect(chooseFamilies(null).families.length).toBeGreaterThan(5);
    expect(chooseFamilies("growth")).toMatchObject({ load: null, families: [["growth", expect.any(Function)]] });
    expect(chooseFamilies("single")).toMatchObject({ load: "single", families: [["ingest", expect.any(Function)]] });
    expect(() => chooseFamilies("toString")).toThrow("choose from");
    expect(() => chooseFamilies("double")).toThrow("choose from");
  });
});
