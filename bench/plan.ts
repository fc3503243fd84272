/** What is run: the loads by name and the sizes of a run. Sizes are the sample sizes that the report states. */

/** A closed loop: `inFlight` connections, each with one unanswered request at a time. */
export interface Load {
  readonly name: string;
  readonly inFlight: number;
  readonly eventsPerRequest: number;
  /** Requests per round; fewer are sent where `LOAD_MS_MAX` ends the round first. */
  readonly requests: number;
}

export interface Plan {
  readonly mode: "full" | "quick";
  /** Each round measures every limit and every load once, in the same order. */
  readonly rounds: number;
  /** No further round starts after this, once there are `ROUNDS_MIN`: a busy machine must not stretch the run. */
  readonly msMax: number;
  readonly loads: readonly Load[];
  /** Uncounted requests before the first round: compiled code, filled caches, a grown log file. */
  readonly warmups: readonly Load[];
  readonly flushes: number;
  /** Time for each kernel per round. */
  readonly kernelMs: number;
}

/** A load that a slow disk stretches beyond this sends no further requests in its round. */
export const LOAD_MS_MAX = 4_000;

export const ROUNDS_MIN = 3;

const LOADS: readonly Load[] = [
  { name: "single.1", inFlight: 1, eventsPerRequest: 1, requests: 1_500 },
  { name: "single.64", inFlight: 64, eventsPerRequest: 1, requests: 16_000 },
  { name: "batch100.1", inFlight: 1, eventsPerRequest: 100, requests: 100 },
  { name: "batch100.8", inFlight: 8, eventsPerRequest: 100, requests: 240 },
];

/** `quick` is a smoke test: the same path with samples too small to quote. Throws for a name that matches no load. */
export function makePlan(options: { readonly quick: boolean; readonly only: string | null }): Plan {
  const { quick, only } = options;
  const chosen = LOADS.filter(({ name }) => only === null || name === only || name.startsWith(`${only}.`));
  if (chosen.length === 0) throw new Error(`--only ${only}: choose from ${LOADS.map(({ name }) => name).join(", ")}`);
  const divided = (load: Load, divisor: number): Load => ({ ...load, requests: Math.ceil(load.requests / divisor) });
  return {
    mode: quick ? "quick" : "full",
    rounds: quick ? 2 : 7,
    msMax: 90_000,
    loads: quick ? chosen.map((load) => divided(load, 5)) : chosen,
    warmups: chosen.map((load) => divided(load, quick ? 10 : 2)),
    flushes: quick ? 100 : 300,
    kernelMs: quick ? 40 : 150,
  };
}
