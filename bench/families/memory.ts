/** Resident memory of the service: idle, at saturation, and per subscriber. */
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { processRssMib } from "../cpu.js";
import { headOf } from "../load/call.js";
import { LoadProcess } from "../load/load-process.js";
import { Subscribers } from "../load/subscribers.js";
import type { Load } from "../plan.js";
import { type FamilyResult, whole } from "../result.js";

const LOADS: readonly Load[] = [
  { name: "single.64", inFlight: 64, eventsPerRequest: 1, requests: 20_000 },
  { name: "single.1024", inFlight: 1024, eventsPerRequest: 1, requests: 20_000 },
  { name: "batch100.8", inFlight: 8, eventsPerRequest: 100, requests: 500 },
  { name: "batch100.64", inFlight: 64, eventsPerRequest: 100, requests: 500 },
];

const SUBSCRIBERS = 1_000;
/** Sent to all of them, so that their buffers have been used. */
const LIVE_EVENTS: Load = { name: "live", inFlight: 4, eventsPerRequest: 1, requests: 400 };
const SETTLE_MS = 3_000;

export async function runMemory(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  await using server = await startServer(context, { SEQ_WS_MAX_SUBSCRIBERS: "2000" });
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, sized(context, SETTLE_MS, 300)));
  const rss = (): number => processRssMib(server.pid) ?? Number.NaN;
  await settle();
  const idleMib = rss();
  using load = await LoadProcess.start(server);
  let saturatedMib = 0;
  const watch = setInterval(() => {
    saturatedMib = Math.max(saturatedMib, rss());
  }, 50);
  try {
    for (const shape of LOADS) {
      context.progress(`memory: ${shape.name}`);
      await load.prepare({ ...shape, requests: Math.ceil(shape.requests / sized(context, 1, 20)) });
      await load.drive();
    }
  } finally {
    clearInterval(watch);
  }
  await settle();
  using audience = new Subscribers();
  const path = `/subscribe?from_offset=${await headOf(server)}`;
  const beforeMib = rss();
  const cpu = new CpuWatch([server.pid]);
  await audience.open({ port: server.port, path, apiKey: server.adminKey, count: SUBSCRIBERS });
  await load.prepare(LIVE_EVENTS);
  const { eventsAccepted } = await load.drive();
  await audience.hear({ messages: eventsAccepted }, 60_000);
  await settle();
  const perSubscriberKib = (Math.max(0, rss() - beforeMib) * 1024) / SUBSCRIBERS;
  const { otherCores } = cpu.end();
  // Memory does not depend on neighbours: one round is judged.
  const figure = (value: number): { values: number[]; because: null } => ({ values: [value], because: null });
  return {
    family: "memory",
    seconds: (performance.now() - startedMs) / 1000,
    lines: [
      `RSS idle ${whole(idleMib)} MiB; highest while saturated by ${LOADS.map(({ name }) => name).join(", ")}: ${whole(saturatedMib)} MiB; ` +
        `${perSubscriberKib.toFixed(1)} KiB per subscriber (${whole(SUBSCRIBERS)}, after ${whole(eventsAccepted)} entries each)`,
    ],
    measures: {
      "memory idle MiB": figure(idleMib),
      "memory saturated MiB": figure(saturatedMib),
      "memory subscriber KiB": figure(perSubscriberKib),
    },
    plots: [],
    faults: [],
    raw: { idleMib, saturatedMib, beforeMib, perSubscriberKib, otherCores },
  };
}
