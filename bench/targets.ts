/**
 * Bounds that the figures are held against, each on the median of a measure's rounds. A missed one is printed and does not
 * fail the run: only what makes a figure wrong does.
 */
import { type FamilyResult, type Measure, medianOf } from "./result.js";

export type Verdict = "PASS" | "FAIL" | "NOT_EVALUATED";

export interface TargetLine {
  readonly target: string;
  readonly measure: string;
  readonly verdict: Verdict;
  readonly measured: number | null;
  readonly bound: number;
  readonly direction: Direction;
  /** Why it was not evaluated. */
  readonly because: string | null;
}

type Direction = "at_least" | "at_most";

export interface Target {
  readonly name: string;
  readonly measure: string;
  readonly direction: Direction;
  readonly bound: number;
}

const atLeast = (bound: number, measure: string, name: string): Target => ({
  ...{ name, measure, bound, direction: "at_least" },
});
const atMost = (bound: number, measure: string, name: string): Target => ({
  ...{ name, measure, bound, direction: "at_most" },
});

const TARGETS: readonly Target[] = [
  atLeast(0.75, "ingest batch100.8 / limit", "batches of 100, 8 in flight: share of the core limit"),
  atLeast(4, "ingest batch100.8 / best postgres", "the same over PostgreSQL per event at its best connection count"),
  atLeast(0.6, "ingest single.64 / limit", "single events, 64 in flight: share of the core limit"),
  atLeast(0.6, "ingest single.64 / redis.pipelined64", "the same over Redis always, 64 pipelined"),
  atMost(3, "latency idle ack p50 / idle", "idle ack p50 over (one flush + 0.3 ms)"),
  atMost(8, "latency idle ack p99 / idle", "idle ack p99 over (one flush + 0.3 ms)"),
  atMost(3, "latency half ack p99 / flush", "ack p99 at 50 % load beyond 5 ms, in flushes"),
  atMost(6, "latency half ack p99.9 / flush", "ack p99.9 at 50 % load beyond 5 ms, in flushes"),
  atMost(2, "latency idle wake p99 ms", "idle: entry at a subscriber after its ack, p99, ms"),
  atMost(5, "fanout publish 1000 over ack p99 ms", "1,000 subscribers, 1,000 events/s: publish p99 beyond ack p99, ms"),
  atLeast(4, "fanout 1000 / ws", "1,000 subscribers: deliveries/s over naive ws"),
  atLeast(4, "fanout 100 / ws", "100 subscribers: deliveries/s over naive ws"),
  atLeast(200_000, "replay warm batch entries/s", "replay to one subscriber in batch=1 frames, entries/s"),
  atLeast(100_000, "replay warm single entries/s", "replay to one subscriber, one frame per entry, entries/s"),
  atMost(0.1, "replay ingest loss", "ingest at half load lost to a replay at full speed, share"),
  atLeast(0.9, "overload single goodput / peak", "single events at 200 %: goodput over peak"),
  atLeast(0.9, "overload batch100 goodput / peak", "batches of 100 at 200 %: goodput over peak"),
  atMost(50, "overload refusal max ms", "longest time to a refusal at 200 %, ms"),
  atMost(0, "overload refusals without retry-after", "refusals without Retry-After"),
  atMost(1000, "overload batch100 ack p50 ms", "batches of 100 at 200 %: ack p50 of what is not refused, ms"),
  // One batch with each verify thread, two chunks and what each thread adds beyond them before the lane, its own chunk.
  atMost(
    7,
    "overload flooded single p99 / bulk batch",
    "a flood's neighbour: ack p99 of single events, in batches of the flood",
  ),
  atMost(0, "overload flooded singles refused", "single events refused during another tenant's flood"),
  atMost(
    1.1,
    "proofs ack p99 beside / alone",
    "ack p99 at half load beside 200 proof submissions in flight, over alone",
  ),
  atMost(400, "memory saturated MiB", "RSS at saturation, MiB"),
  atMost(150, "memory idle MiB", "RSS idle, MiB"),
  atMost(64, "memory subscriber KiB", "RSS per subscriber, KiB"),
  atLeast(0.6, "growth lane rate at end / fresh", "lane rate at the prepared log's end over a fresh log, random ids"),
  atMost(1500, "restart large first ack ms", "first ack after SIGKILL on the large log, ms"),
  atMost(1.3, "restart large / small", "the same over that of a log with a tenth of the entries"),
];

/** All of them, or those of some families. */
export function targetsOf(families: readonly string[] | null): readonly Target[] {
  return TARGETS.filter(({ measure }) => families === null || families.some((name) => measure.startsWith(`${name} `)));
}

/** `unfit`: why this run judges nothing (too small, no real disk); null = it may. */
export function judge(
  targets: readonly Target[],
  families: readonly Pick<FamilyResult, "measures">[],
  unfit: string | null,
): TargetLine[] {
  const measures = new Map(families.flatMap((family) => Object.entries(family.measures)));
  return targets.map(({ name, measure, bound, direction }) => {
    const found: Measure = measures.get(measure) ?? { values: [], because: "not run" };
    const measured = medianOf(found);
    const because = unfit ?? found.because ?? (measured === null || Number.isNaN(measured) ? "not measured" : null);
    const isMet = measured !== null && (direction === "at_least" ? measured >= bound : measured <= bound);
    const verdict = because !== null ? "NOT_EVALUATED" : isMet ? "PASS" : "FAIL";
    return { target: name, measure, verdict, measured, bound, direction, because };
  });
}
