import type { IngestRaw } from "../families/ingest.js";
import { coreLimit } from "../kernels.js";
import type { Plot } from "../result.js";
import { median } from "../statistics.js";

const OURS: Readonly<Record<string, string>> = {
  "single.64": "ours, single events, 64 in flight",
  "batch100.8": "ours, batches of 100, 8 in flight",
};

const PEERS: Readonly<Record<string, string>> = {
  "postgres.1": "PostgreSQL, 1 connection",
  "postgres.8": "PostgreSQL, 8 connections",
  "postgres.32": "PostgreSQL, 32 connections",
  "postgres.hot": "PostgreSQL, 32 on one stream",
  "postgres.batch100": "PostgreSQL, batches of 100",
  "redis.sync": "Redis always, one at a time",
  "redis.pipelined64": "Redis always, 64 pipelined",
  "nats.sync": "NATS, one at a time (no flush)",
  "nats.async64": "NATS, 64 in flight (no flush)",
};

export function ingestPlots({ loads, limits, peerRounds }: IngestRaw, cores: number): Plot[] {
  const ours = loads.flatMap(({ load, eventsPerSecond }) => {
    const label = OURS[load.name];
    return label === undefined ? [] : [{ label, value: eventsPerSecond.median, isOurs: true }];
  });
  if (ours.length === 0) return [];
  const limit = median(limits.map(({ kernelUs }) => coreLimit(kernelUs, true, cores)));
  const peers = Object.entries(peerRounds).map(([name, rounds]) => {
    return { label: PEERS[name] ?? name, value: median(rounds.map((round) => round.eventsPerSecond)), isOurs: false };
  });
  return [
    {
      kind: "bars",
      name: "ingest",
      title: "Events per second",
      note: "Ours verifies every signature, flushes and signs a receipt; the others store what they are given.",
      unit: "events/s",
      bars: [{ label: `bare kernels, ${cores} cores: the limit`, value: limit, isOurs: true }, ...ours, ...peers],
    },
  ];
}
