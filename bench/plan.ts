import type { Mode } from "./context.js";

/** What is run: the loads by name and the sizes of a run. Sizes are the sample sizes that the report states. */

/** A closed loop: `inFlight` connections, each with one unanswered request at a time. */
export interface Load {
  readonly name: string;
  readonly inFlight: number;
  readonly eventsPerRequest: number;
  /** Requests per round; fewer are sent where `LOAD_MS_MAX` ends the round first. */
  readonly requests: number;
  /** Of each event; default 200. */
  readonly payloadBytes?: number;
  /** Event ids that grow with time; default random ones. */
  readonly hasOrderedIds?: boolean;
  /** Agents that take turns, each a tenant of its own; default 16. */
  readonly agents?: number;
}

export interface Plan {
  readonly mode: Mode;
  /** Each round measures every limit and every load once, in the same order. */
  readonly rounds: number;
  /** No further round starts after this, once there are `ROUNDS_MIN`: a busy machine must not stretch the run. */
  readonly msMax: number;
  readonly loads: readonly Load[];
  /** Other sizes of the same, in the first rounds only. */
  readonly shapes: readonly Load[];
  readonly shapeRounds: number;
  /** Time for each load of a peer per round. */
  readonly peerMs: number;
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

const SHAPES: readonly Load[] = [
  { name: "single.1024", inFlight: 1024, eventsPerRequest: 1, requests: 12_000 },
  { name: "batch100.64", inFlight: 64, eventsPerRequest: 100, requests: 200 },
  { name: "single.64.ordered-ids", inFlight: 64, eventsPerRequest: 1, requests: 8_000, hasOrderedIds: true },
  { name: "batch100.8.ordered-ids", inFlight: 8, eventsPerRequest: 100, requests: 150, hasOrderedIds: true },
  { name: "single.64.1024-agents", inFlight: 64, eventsPerRequest: 1, requests: 8_000, agents: 1_024 },
  { name: "batch100.8.1024-agents", inFlight: 8, eventsPerRequest: 100, requests: 150, agents: 1_024 },
  { name: "single.64.1kb", inFlight: 64, eventsPerRequest: 1, requests: 8_000, payloadBytes: 1_000 },
  { name: "batch100.8.1kb", inFlight: 8, eventsPerRequest: 100, requests: 120, payloadBytes: 1_000 },
  { name: "single.64.10kb", inFlight: 64, eventsPerRequest: 1, requests: 3_000, payloadBytes: 10_000 },
  { name: "batch100.8.10kb", inFlight: 8, eventsPerRequest: 100, requests: 40, payloadBytes: 10_000 },
];

/** `quick` is a smoke test: the same path with samples too small to quote. Throws for a name that matches no load. */
export function makePlan(options: { readonly mode: Mode; readonly only: string | null }): Plan {
  const { mode, only } = options;
  const quick = mode === "quick";
  const matches = ({ name }: Load): boolean => only === null || name === only || name.startsWith(`${only}.`);
  const loads = LOADS.filter(matches);
  const shapes = SHAPES.filter(matches);
  const divided = (load: Load, divisor: number): Load => ({ ...load, requests: Math.ceil(load.requests / divisor) });
  return {
    mode,
    rounds: quick ? 2 : 7,
    msMax: 140_000,
    loads: quick ? loads.map((load) => divided(load, 5)) : loads,
    shapes: quick ? shapes.map((load) => divided(load, 5)) : shapes,
    shapeRounds: quick ? 1 : 2,
    peerMs: quick ? 150 : 700,
    warmups: [...loads, ...shapes].map((load) => divided(load, quick ? 10 : 4)),
    flushes: quick ? 100 : 300,
    kernelMs: quick ? 40 : 150,
  };
}

/** Names that `--only` takes of the ingest family. */
export function isLoadName(only: string): boolean {
  return [...LOADS, ...SHAPES].some(({ name }) => name === only || name.startsWith(`${only}.`));
}
