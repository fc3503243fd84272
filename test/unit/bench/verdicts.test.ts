import { describe, expect, it } from "vitest";
import { coreLimit } from "../../../bench/kernels.js";
import { type LimitRound, type LoadRound, type LoadSummary, summarize } from "../../../bench/measurement.js";
import { makePlan } from "../../../bench/plan.js";
import { judge } from "../../../bench/targets.js";

const kernelUs = { verify: 40, sign: 15, readSingle: 15, readBatch: 10, insert: 10 };
const limit: LimitRound = { flushP50Ms: 0.2, flushP99Ms: 0.4, flushesPerSecond: 5000, kernelUs };
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
const verdictOf = (summary: LoadSummary, unfit: string | null = null) =>
  judge([summary], unfit).find(({ load }) => load === batch.name)!;

describe("the core limit", () => {
  it("is cores over the sum of the kernels, with the read cost of the request's shape", () => {
    expect(coreLimit(kernelUs, false, 2)).toBe(25_000);
    expect(coreLimit(kernelUs, true, 2)).toBeCloseTo(26_667, 0);
  });
});

describe("a load's summary", () => {
  it("relates rate and CPU to the limits of its round", () => {
    const summary = summaryOf({});
    expect(summary.limitShare).toBeCloseTo(0.75);
    expect(summary.freeLimitShare).toBeCloseTo(20_000 / (26_666.7 * 0.9));
    expect(summary.serverUs).toBeCloseTo(90);
    expect(summary.kernelShare).toBeCloseTo(75 / 90);
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

describe("a target", () => {
  it("is judged by its bound", () => {
    expect(verdictOf(summaryOf({ eventsPerSecond: 20_001 }))).toMatchObject({ verdict: "PASS", because: null });
    expect(verdictOf(summaryOf({ eventsPerSecond: 19_000 }))).toMatchObject({ verdict: "FAIL", because: null });
  });

  it.each([
    ["an invalid figure", summaryOf({ invalid: "refused" })],
    ["a busy machine", summaryOf({ otherCores: 0.5 })],
    ["an unknown neighbour", summaryOf({ otherCores: null })],
  ])("is not judged on %s", (_, summary) => {
    expect(verdictOf(summary).verdict).toBe("NOT_EVALUATED");
  });

  it("is not judged on a load that was not run, nor in a run that judges nothing", () => {
    expect(judge([], null).map(({ verdict }) => verdict)).toEqual(Array(4).fill("NOT_EVALUATED"));
    expect(verdictOf(summaryOf({}), "quick").because).toBe("quick");
  });
});

describe("the plan", () => {
  it("takes a load or a family of loads by name", () => {
    expect(makePlan({ quick: false, only: "single" }).loads.map(({ name }) => name)).toEqual(["single.1", "single.64"]);
    expect(makePlan({ quick: true, only: "batch100.8" }).loads).toHaveLength(1);
    expect(() => makePlan({ quick: false, only: "double" })).toThrow("choose from");
  });
});
