/**
 * `npm run soak -- --minutes N`: the built service with its default options at 70 % of the saturation it shows at the
 * start, subscribers coming and going, commitments and the tree's checkpoints on. Prints what it holds and how it
 * answers over time; exits 1 when a bound is broken, an answer was wrong or the log is not sound afterwards.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { auditLog } from "../../src/audit/audit-log.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { parseCheckpointText } from "../../src/protocol/tlog-checkpoint.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { until } from "../deadline.js";
import { headOf } from "../load/call.js";
import { LoadProcess } from "../load/load-process.js";
import { buildFacts, machineFacts } from "../machine.js";
import { killOwnedAtExit, own } from "../owned-processes.js";
import { median, percentile } from "../statistics.js";
import { memoryGrowth, type SoakFacts, soakLines } from "./bounds.js";
import { ChurningSubscribers } from "./churning-subscribers.js";
import { ProcessWatch } from "./process-watch.js";

const HELP = `Usage: npm run soak -- [--minutes N] [--folder DIR]
Load at 70 % of saturation for N minutes [30]. DIR is on the disk you care about [the temporary folder]; it takes about
1.5 KB per event: 5 million events are 8 GB. Exit code 1: a bound is broken.`;

const OPTIONS = {
  minutes: { type: "string", default: "30" },
  folder: { type: "string", default: tmpdir() },
  help: { type: "boolean", default: false },
} as const;

const LOAD_SHARE = 0.7;
const SUBSCRIBERS = 6;
/** So many that an event waits for the service and not for a connection. */
const CONNECTIONS = 512;
const SATURATION = { name: "saturation", inFlight: 64, eventsPerRequest: 1, requests: 8_000 };
const SLICE_MS = 10_000;
/** For the tree to cover the last entries, and for closed sockets to be gone. */
const SETTLE_MS = 10_000;
const TREE_MS_MAX = 60_000;

interface Slice {
  readonly accepted: number;
  readonly refused: number;
  readonly p99Ms: number;
  readonly fault: string | null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error("--minutes must be a positive number");
  killOwnedAtExit();
  mkdirSync(values.folder, { recursive: true });
  const folder = mkdtempSync(join(values.folder, "sequencer-soak-"));
  try {
    process.exitCode = (await soak(folder, minutes)) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** True when every bound holds. */
async function soak(folder: string, minutes: number): Promise<boolean> {
  await using server = await ServerProcess.start({ folder });
  own(server.pid);
  using first = await LoadProcess.start(server);
  using second = await LoadProcess.start(server);
  using watch = new ProcessWatch(server.pid, folder);
  const before = watch.sample();
  let events = 0;
  const slices: Slice[] = [];
  const faults: string[] = [];
  let subscribed = { joined: 0, entries: 0 };
  {
    using subscribers = await ChurningSubscribers.open(server, SUBSCRIBERS);
    const saturated = await saturate(first, second);
    events += saturated.events;
    const perSecond = LOAD_SHARE * saturated.perSecond;
    console.log(`${Math.round(saturated.perSecond)} events/s saturated, ${Math.round(perSecond)} for ${minutes} min`);
    const count = Math.max(3, Math.ceil((minutes * 60_000) / SLICE_MS));
    for await (const slice of drive([first, second], perSecond, count)) {
      slices.push(slice);
      events += slice.accepted;
      if (slice.fault !== null) faults.push(slice.fault);
      progress(`${slices.length} of ${count}: p99 ${slice.p99Ms.toFixed(1)} ms`);
    }
    faults.push(...subscribers.faults);
    subscribed = { joined: subscribers.joined, entries: subscribers.entries };
  }
  faults.push(...(await settle(server, events)));
  const facts: SoakFacts = {
    samples: watch.samples,
    p99Ms: slices.map(({ p99Ms }) => p99Ms),
    openFilesBefore: before.openFiles,
    openFilesAfter: watch.sample().openFiles,
    requests: slices.reduce((sum, { accepted, refused }) => sum + accepted + refused, 0),
    refusals: slices.reduce((sum, { refused }) => sum + refused, 0),
  };
  watch[Symbol.dispose]();
  const code = await server.stop();
  if (code !== 0) faults.push(`the service ended with ${code}`);
  faults.push(...(await audit(folder, events)));
  return report(folder, facts, { events, ...subscribed }, faults);
}

/** While the other process signs, as it will during the load: the rate is a share of what is left beside that. */
async function saturate(load: LoadProcess, other: LoadProcess): Promise<{ perSecond: number; events: number }> {
  let events = 0;
  let perSecond = 0;
  // The first drive warms up.
  for (let drive = 0; drive < 2; drive++) {
    await load.prepare(SATURATION);
    const signing = other.prepare(SATURATION);
    const { eventsAccepted, wallMs } = await load.drive();
    await signing;
    events += eventsAccepted;
    perSecond = (eventsAccepted * 1000) / wallMs;
  }
  return { perSecond, events };
}

/** Slices of load without a gap: while one process drives, the other signs what it will send next. */
async function* drive(
  loads: readonly [LoadProcess, LoadProcess],
  perSecond: number,
  count: number,
): AsyncIterable<Slice> {
  const shape = { name: "soak", inFlight: 1, eventsPerRequest: 1, requests: Math.ceil((perSecond * SLICE_MS) / 1000) };
  let prepared = loads[0].prepare(shape);
  for (let slice = 0; slice < count; slice++) {
    const load = loads[slice % 2]!;
    await prepared;
    const driving = load.driveOpen({ perSecond, msMax: SLICE_MS, connections: CONNECTIONS, probes: 0 });
    prepared = loads[(slice + 1) % 2]!.prepare(shape);
    const result = await driving;
    const isWrong = result.faults > 0 || result.eventsAccepted !== result.accepted;
    const fault = isWrong
      ? `slice ${slice}: ${result.faults} answers were neither 200 nor a refusal`
      : await load.check();
    const { accepted, refusalMs } = result;
    yield { accepted, refused: refusalMs.length, p99Ms: percentile(result.ackMs, 0.99), fault };
  }
  await prepared;
}

/** After the load: the log has what was acknowledged, and no more; the tree covers all of it. */
async function settle(server: ServerProcess, events: number): Promise<string[]> {
  const head = await headOf(server);
  if (head !== events) return [`the head is ${head} after ${events} acknowledged events`];
  await until("the tree", TREE_MS_MAX, 100, async () => (await treeSize(server)) === head);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return [];
}

async function treeSize(server: ServerProcess): Promise<number> {
  const response = await fetch(`${server.url}/tlog/checkpoint`, {
    headers: { authorization: `ApiKey ${server.adminKey}` },
  });
  const note = await response.text();
  return response.status === 200 ? parseCheckpointText(note.slice(0, note.indexOf("\n\n") + 1))!.size : 0;
}

async function audit(folder: string, events: number): Promise<string[]> {
  const { findings } = await auditLog({
    path: databasePath(folder),
    ...{ withSignatures: true, threads: availableParallelism(), headMin: events },
    onProgress: (checked, head) => progress(`verify-log: ${checked} of ${head}`),
  });
  return findings.map(({ offset, message }) => `verify-log: ${offset ?? "log"}: ${message}`);
}

interface Counts {
  readonly events: number;
  readonly joined: number;
  readonly entries: number;
}

function report(folder: string, facts: SoakFacts, counts: Counts, faults: readonly string[]): boolean {
  const { cpu, fileSystem } = machineFacts(folder);
  const { commit, isModified } = buildFacts();
  const { p99Ms, openFilesBefore, openFilesAfter } = facts;
  const third = Math.max(1, Math.floor(p99Ms.length / 3));
  const files = Math.max(...facts.samples.map(({ openFiles }) => openFiles));
  progress("");
  console.log(`${commit}${isModified ? "+" : ""}, ${cpu}, ${fileSystem}`);
  console.log(`${counts.events} events; ${counts.joined} subscribers came and went with ${counts.entries} entries`);
  const rss = facts.samples.map(({ rssMib }) => rssMib);
  const { mibPerHour, hours, isJudged } = memoryGrowth(facts.samples);
  console.log(
    `RSS ${rss[0]!.toFixed(0)} MiB at first, ${rss.at(-1)!.toFixed(0)} at last, ${Math.max(...rss).toFixed(0)} at most; slope ` +
      `${mibPerHour.toFixed(0)} MiB/h over the last ${(hours * 60).toFixed(1)} min${isJudged ? "" : ", too short to be judged"}`,
  );
  const bytes = statSync(databasePath(folder)).size;
  console.log(`database ${(bytes / 2 ** 20).toFixed(0)} MiB, ${(bytes / counts.events).toFixed(0)} bytes per event`);
  console.log(
    `ack p99 ${median(p99Ms.slice(0, third)).toFixed(1)} ms in the first third, ` +
      `${median(p99Ms.slice(-third)).toFixed(1)} ms in the last (medians of slices of ${SLICE_MS / 1000} s)`,
  );
  console.log(`open files ${openFilesBefore} before, ${files} at most, ${openFilesAfter} after`);
  const lines = soakLines(facts);
  for (const { what, measured, bound, unit } of lines) {
    const verdict = measured <= bound ? "PASS" : "FAIL";
    console.log(`${verdict}  ${what}: ${measured.toFixed(2)} ${unit}, at most ${bound.toFixed(2)}`);
  }
  for (const fault of faults.slice(0, 20)) console.log(`FAIL  ${fault}`);
  if (faults.length === 0)
    console.log("PASS  every answer was right, the log is sound and has every acknowledged event");
  return faults.length === 0 && lines.every(({ measured, bound }) => measured <= bound);
}

/** One line on a terminal, nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
});
