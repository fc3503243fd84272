/** The functions that a signed event passes, one by one, by tinybench: wall time of one thread, nothing around them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Bench } from "tinybench";
import { BOOTSTRAP_SCOPE } from "../../src/auth/principal.js";
import { signingFieldsOf } from "../../src/protocol/agent-event.js";
import { canonicalJson, type JsonValue } from "../../src/protocol/canonical-json.js";
import { eventSigningHash } from "../../src/protocol/event-signing.js";
import { merkleLeaf, merkleNode } from "../../src/protocol/merkle.js";
import { payloadPlainHash } from "../../src/protocol/payload-hash.js";
import { receiptHash } from "../../src/protocol/receipt.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { tableEd25519 } from "../../src/verify/ed25519-tables.js";
import { readIngestBody } from "../../src/verify/ingest-body.js";
import { type BenchContext, sized } from "../context.js";
import { CHUNK_EVENTS, LaneRun } from "../load/lane-run.js";
import { BenchAgent } from "../load/signed-requests.js";
import { type FamilyResult, type Measure, table, whole } from "../result.js";

const LIMITS = { eventsPerBatchMax: 1000, eventPayloadBytesMax: 1024 * 1024 };
const BATCH = 100;

interface KernelResult {
  readonly name: string;
  /** Microseconds per event, or per node. */
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly samples: number;
}

export async function runKernels(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  context.progress("kernels");
  const bench = new Bench({ time: sized(context, 600, 60), warmupTime: sized(context, 200, 20) });
  const perCall = addTasks(bench);
  await bench.run();
  const kernels: KernelResult[] = [];
  const faults: string[] = [];
  for (const { name, result } of bench.tasks) {
    if (result.state !== "completed") {
      faults.push(`${name} ${result.state}`);
      continue;
    }
    const us = 1000 / perCall.get(name)!;
    const { mean, p50, p99, samplesCount } = result.latency;
    kernels.push({ name, meanUs: mean * us, p50Us: p50 * us, p99Us: p99 * us, samples: samplesCount });
  }
  kernels.push(await measureLane(context));
  return {
    family: "kernels",
    seconds: (performance.now() - startedMs) / 1000,
    lines: table(
      ["µs per event", "mean", "p50", "p99", "samples"],
      kernels.map(({ name, meanUs, p50Us, p99Us, samples }) => [
        ...[name, meanUs.toFixed(2), p50Us.toFixed(2), p99Us.toFixed(2), whole(samples)],
      ]),
    ),
    measures: Object.fromEntries(
      kernels.map(({ name, p50Us }): [string, Measure] => [`kernels ${name} µs`, { values: [p50Us], because: null }]),
    ),
    plots: [],
    faults,
    raw: kernels,
  };
}

/** Returns how many events (or nodes) one call of each task handles. */
function addTasks(bench: Bench): ReadonlyMap<string, number> {
  const agent = new BenchAgent();
  const ed25519 = selectEd25519();
  const tables = tableEd25519(ed25519);
  const event = agent.nextEvent();
  const fields = signingFieldsOf(event)!;
  const payload = event.payload as JsonValue;
  const payloadText = canonicalJson(payload);
  const hash = eventSigningHash(fields);
  const signature = Buffer.from(event.agent_signature.slice(2), "hex");
  const checks = Array.from({ length: BATCH }, () => ({ signature, message: hash, publicKey: agent.publicKey }));
  const receipt = { ...fields, sequenceNumber: 7, eventSigningHash: hash };
  const single = agent.nextBody(1);
  const batch = agent.nextBody(BATCH);
  const leaf = { ...fields, sequenceNumber: 7, eventSigningHash: hash, agentSignature: signature };
  const [left, right] = [randomBytes(32), randomBytes(32)];
  const perCall = new Map<string, number>();
  const add = (name: string, run: () => unknown, events = 1): void => {
    bench.add(name, run);
    perCall.set(name, events);
  };
  add("canonical JSON of the payload", () => canonicalJson(payload));
  add("payload hash", () => payloadPlainHash(payloadText));
  add("signing preimage and hash", () => eventSigningHash(fields));
  add("strict read, single body", () => readIngestBody(single, BOOTSTRAP_SCOPE, LIMITS));
  add(`strict read, body of ${BATCH}`, () => readIngestBody(batch, BOOTSTRAP_SCOPE, LIMITS), BATCH);
  add(`Ed25519 verify (${ed25519.name})`, () => ed25519.verify(signature, hash, agent.publicKey));
  add(`Ed25519 verify (${tables.name}), ${BATCH} together`, () => tables.verifyAll(checks), BATCH);
  add(`Ed25519 verify (${tables.name}), one`, () => tables.verify(signature, hash, agent.publicKey));
  add(`Ed25519 sign (${ed25519.name})`, () => ed25519.sign(hash, agent.seed));
  add("receipt hash", () => receiptHash(receipt));
  add("Merkle leaf", () => merkleLeaf(leaf));
  add("Merkle node", () => merkleNode(left, right));
  return perCall;
}

/** Insert as the lane does it: decisions, receipt, all rows and indexes, and the flush shared by a chunk. */
async function measureLane(context: BenchContext): Promise<KernelResult> {
  using lane = new LaneRun();
  await lane.open(join(context.folder, "kernel-lane"));
  await lane.run(CHUNK_EVENTS * 4);
  const runs = sized(context, 20, 4);
  const us: number[] = [];
  for (let i = 0; i < runs; i++) us.push(((await lane.run(CHUNK_EVENTS)) * 1000) / CHUNK_EVENTS);
  await lane.close();
  us.sort((a, b) => a - b);
  const meanUs = us.reduce((sum, value) => sum + value, 0) / runs;
  const name = `lane turn, chunks of ${CHUNK_EVENTS}, flushed`;
  return { name, meanUs, p50Us: us[runs >> 1]!, p99Us: us.at(-1)!, samples: runs };
}
