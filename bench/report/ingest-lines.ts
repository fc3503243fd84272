/** The ingest family as text: limits first, then each load beside them, then the peers of the same rounds. */
import type { IngestRaw } from "../families/ingest.js";
import { coreLimit, type KernelCosts, withTables } from "../kernels.js";
import type { LimitRound, LoadSummary } from "../measurement.js";
import type { PeerRound } from "../peers/peer.js";
import { ms, OTHER_CORES_MAX, table, whole } from "../result.js";
import { median, type Spread, spread } from "../statistics.js";

export function ingestLines(raw: IngestRaw, cores: number): string[] {
  return [...limitLines(raw, cores), "", ...loadTable(raw.loads), sampleLine(raw), "", ...peerTable(raw)];
}

function limitLines({ limits }: IngestRaw, cores: number): string[] {
  const of = (pick: (limit: LimitRound) => number): number => median(limits.map(pick));
  const kernel = (name: keyof KernelCosts): string => of(({ kernelUs }) => kernelUs[name]).toFixed(1);
  const limit = (isBatch: boolean, costs = (all: KernelCosts) => all): string =>
    whole(of((round) => coreLimit(costs(round.kernelUs), isBatch, cores)));
  return [
    `Limits of this machine, measured between the loads (medians of ${limits.length} rounds)`,
    `  raw flush   p50 ${ms(of((r) => r.flushP50Ms))}  p99 ${ms(of((r) => r.flushP99Ms))}  ${whole(of((r) => r.flushesPerSecond))}/s one after the other`,
    `  kernels     verify ${kernel("verify")} (signer's table ${kernel("verifyKnown")})  sign ${kernel("sign")}  read ${kernel("readSingle")} (batch ${kernel("readBatch")})  insert ${kernel("insert")}  µs of CPU per event`,
    `  memory      ${of((r) => r.memoryNs).toFixed(0)} ns (${limits.map((r) => r.memoryNs.toFixed(0)).join(", ")}) per dependent load from 16 MiB`,
    `  core limit  single ${limit(false)} events/s  batch ${limit(true)} events/s  on ${cores} cores, the library verifying`,
    `              single ${limit(false, withTables)} events/s  batch ${limit(true, withTables)} events/s  with tables of all signers`,
  ];
}

const COLUMNS = [
  ...["load", "valid", "rounds", "events/s", "(min-max)", "of limit", "of free", "ack p50", "ack p99"],
  ...["server µs", "kernels", "client", "others"],
];

function loadTable(loads: readonly LoadSummary[]): string[] {
  const rows = loads.map((summary) => {
    // The limit is of small events.
    const hasLimit = summary.load.payloadBytes === undefined;
    return [
      summary.load.name,
      summary.invalid === null ? "PASS" : "FAIL",
      `${summary.roundsUsed}/${summary.rounds.length}`,
      whole(summary.eventsPerSecond.median),
      range(summary.eventsPerSecond),
      hasLimit ? summary.limitShare.toFixed(2) : "-",
      hasLimit ? summary.freeLimitShare.toFixed(2) : "-",
      ms(summary.ackP50Ms.median),
      ms(summary.ackP99Ms.median),
      summary.serverUs.toFixed(1),
      hasLimit ? summary.kernelShare.toFixed(2) : "-",
      summary.clientCores.toFixed(2),
      summary.otherCores.toFixed(2),
    ];
  });
  return table(COLUMNS, rows);
}

function sampleLine({ loads }: IngestRaw): string {
  const samples = loads.map(({ load, rounds }) => {
    const requests = rounds.reduce((sum, round) => sum + round.requests, 0);
    return `${load.name} ${requests}`;
  });
  return (
    `Requests: ${samples.join(", ")}.\n` +
    `Used are the rounds in which others had <= ${OTHER_CORES_MAX} cores, or all where those are too few.`
  );
}

function peerTable({ peers, absentPeers, peerRounds }: IngestRaw): string[] {
  const rows = Object.entries(peerRounds).map(([name, rounds]) => [
    name,
    `${rounds.length}`,
    whole(median(rounds.map((round) => round.eventsPerSecond))),
    range(spread(rounds.map((round) => round.eventsPerSecond))),
    ms(median(rounds.map((round) => round.ackP50Ms))),
    ms(median(rounds.map((round) => round.ackP99Ms))),
    orDash(rounds, (round) => round.flushesPerSecond),
    orDash(rounds, (round) => round.requestsPerFlush),
  ]);
  const columns = ["peer", "rounds", "events/s", "(min-max)", "ack p50", "ack p99", "flushes/s", "requests/flush"];
  return [
    "Peers in the same rounds: they verify nothing and sign nothing",
    ...peers.map(({ durability }) => `  ${durability}`),
    ...absentPeers.map(({ name, because }) => `  NOT_EVALUATED ${name}: ${because}`),
    ...(rows.length === 0 ? [] : table(columns, rows)),
  ];
}

function orDash(rounds: readonly PeerRound[], pick: (round: PeerRound) => number | null): string {
  const values = rounds.map(pick).filter((value) => value !== null);
  if (values.length === 0) return "-";
  const value = median(values);
  return value >= 100 ? whole(value) : value.toFixed(1);
}

function range({ min, max }: Spread): string {
  return `(${whole(min)}-${whole(max)})`;
}
