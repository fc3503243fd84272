import { describe, expect, it } from "vitest";
import { compareRuns } from "../../../bench/agreement.js";
import { coreLimit, withTables } from "../../../bench/kernels.js";
import { type LimitRound, type LoadRound, type LoadSummary, summarize } from "../../../bench/measurement.js";
import { isLoadName, makePlan } from "../../../bench/plan.js";
import { type Measure, measureOf } from "../../../bench/result.js";
import { judge, targetsOf } from "../../../bench/targets.js";

const kernelUs = { verify: 40, verifyKnown: 15, sign: 15, readSingle: 15, readBatch: 10, insert: 10 };
const limit: LimitRound = { flushP50Ms: 0.2, flushP99Ms: 0.4, flushesPerSecond: 5000, memoryNs: 40, kernelUs };
const round: LoadRound = {
  requests: 150,
  events: 15_000,
  eventsPerSecond: 20_000,
  ackP50Ms: 1,
  ackP99Ms: 2,
  ackMaxMs: 3,
  serverCores: 1.8,
  clientCores: 0.1,
  otherCores: 0.1,
  serverRssMib: 200,
  invalid: null,
};
const batch = { name: "batch100.8", inFlight: 8, eventsPerRequest: 100, requests: 150 };
const summaryOf = (change: Partial<LoadRound>): LoadSummary =>
  summarize(batch, Array(3).fill(limit), Array(3).fill({ ...round, ...change }), 2);
const SHARE = "ingest batch100.8 / limit";
const verdictOf = (measure: Measure, unfit: string | null = null) =>
  judge(targetsOf(null), [{ measures: { [SHARE]: measure } }], unfit).find((line) => line.measure === SHARE)!;

describe("the core limit", () => {
  it("is cores over the sum of the kernels, with the read cost of the request's shape", () => {
    expect(coreLimit(kernelUs, false, 2)).toBe(25_000);
    expect(coreLimit(kernelUs, true, 2)).toBeCloseTo(26_667, 0);
    expect(coreLimit(withTables(kernelUs), true, 2)).toBe(40_000);
  });
});

describe("a load's summary", () => {
  it("relates rate and CPU to the limits of its round", () => {
    const summary = summaryOf({});
    expect(summary.limitShare).toBeCloseTo(0.75);
    expect(summary.freeLimitShare).toBeCloseTo(20_000 / (26_666.7 * 0.9));
    expect(summary.serverUs).toBeCloseTo(90);
    expect(summary.kernelShare).toBeCloseTo(50 / 90);
    expect(summary.ackP50OverFlush).toBeCloseTo(2);
  });

  it("says nothing of processors where the system tells nothing", () => {
    expect(summaryOf({ serverCores: null, otherCores: null })).toMatchObject({ serverUs: Number.NaN });
  });

  it("uses quiet rounds only, as long as there are enough of them", () => {
    const disturbed = { ...round, eventsPerSecond: 5_000, otherCores: 0.9 };
    const limits = Array<LimitRound>(4).fill(limit);
    const mostlyQuiet = summarize(batch, limits, [disturbed, round, round, round], 2);
    expect(mostlyQuiet).toMatchObject({ isQuiet: true, roundsUsed: 3, eventsPerSecond: { min: 20_000 } });
    const mostlyDisturbed = summarize(batch, limits, [disturbed, disturbed, round, round], 2);
    expect(mostlyDisturbed).toMatchObject({ isQuiet: false, roundsUsed: 4, eventsPerSecond: { min: 5_000 } });
  });

  it("is invalid as soon as one round is", () => {
    const summary = summarize(batch, [limit, limit], [round, { ...round, invalid: "the head is 1" }], 2);
    expect(summary.invalid).toBe("the head is 1");
  });
});

describe("a measure", () => {
  const rounds = (...others: (number | null)[]) => others.map((otherCores, value) => ({ value, otherCores }));

  it("is made of the quiet rounds where there are enough of them", () => {
    expect(measureOf(rounds(0.9, 0.1, 0.2, 0), ({ value }) => value)).toEqual({ values: [1, 2, 3], because: null });
  });

  it.each([
    ["a busy machine", rounds(0.9, 0.1, 0.3), /to themselves/],
    ["unknown neighbours", rounds(null, null, null), /to themselves/],
    ["too few rounds", rounds(0), /not enough/],
  ])("is all of them, unjudged, on %s", (_, given, because) => {
    const measure = measureOf(given, ({ value }) => value);
    expect(measure.values).toHaveLength(given.length);
    expect(measure.because).toMatch(because);
  });
});

describe("a target", () => {
  it("is judged by its bound", () => {
    expect(verdictOf({ values: [0.7, 0.76, 0.9], because: null })).toMatchObject({ verdict: "PASS", measured: 0.76 });
    expect(verdictOf({ values: [0.7, 0.74, 0.9], because: null })).toMatchObject({ verdict: "FAIL", measured: 0.74 });
  });

  it("is not judged by an unusable measure, one without values or one that is no number", () => {
    expect(verdictOf({ values: [1], because: "refused" })).toMatchObject({
      verdict: "NOT_EVALUATED",
      because: "refused",
    });
    expect(verdictOf({ values: [], because: null }).verdict).toBe("NOT_EVALUATED");
    expect(verdictOf({ values: [Number.NaN], because: null }).verdict).toBe("NOT_EVALUATED");
  });

  it("is not judged on a measure that was not made, nor in a run that judges nothing", () => {
    const verdicts = judge(targetsOf(null), [], null);
    expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(["NOT_EVALUATED"]));
    expect(verdictOf({ values: [1], because: null }, "quick").because).toBe("quick");
  });

  it("belongs to the family its measure names", () => {
    expect(targetsOf(["restart"]).map(({ measure }) => measure)).toEqual([
      "restart large first ack ms",
      "restart large / small",
    ]);
  });
});

describe("the plan", () => {
  it("takes a load or a family of loads by name", () => {
    expect(makePlan({ mode: "full", only: "single" }).loads.map(({ name }) => name)).toEqual(["single.1", "single.64"]);
    expect(makePlan({ mode: "quick", only: "batch100.8" }).loads).toHaveLength(1);
    expect([isLoadName("single"), isLoadName("batch100.8"), isLoadName("double")]).toEqual([true, true, false]);
  });
});

describe("two runs", () => {
  const line = (measure: string, measured: number | null, verdict: "PASS" | "NOT_EVALUATED" = "PASS") => ({
    ...{ target: measure, measure, measured, verdict },
  });

  it("agree in a figure up to 15 % of the earlier one, either way, and compare what both evaluated", () => {
    const earlier = [
      line("a / b", 1),
      line("a ms", 100),
      line("c / d", 0),
      line("e", 2),
      line("f", 1, "NOT_EVALUATED"),
    ];
    const later = [
      line("c / d", 0),
      line("a / b", 1.15),
      line("a ms", 84),
      line("e", null),
      line("f", 1),
      line("g", 1),
    ];
    expect(compareRuns(earlier, later)).toMatchObject([
      { target: "c / d", change: 0, agrees: true, isRatio: true },
      { target: "a / b", agrees: true, isRatio: true },
      { target: "a ms", change: -0.16, agrees: false, isRatio: false },
    ]);
    expect(compareRuns([line("c / d", 0)], [line("c / d", 1)])).toMatchObject([{ agrees: false }]);
  });
});
