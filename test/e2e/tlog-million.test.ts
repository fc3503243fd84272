/**
 * The tree at size: `npm run test:tlog-million` makes 1,000,000 entries, has a stranger's auditor recompute the root from
 * tiles and entries alone, then measures how far checkpoints lag under load and how long proofs take. Prints the figures.
 * Without TLOG_ENTRIES the same on a small log, which proves that the campaign works; bounds in time are the campaign's alone.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { fromHex } from "../../src/base/bytes.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { verifyInclusion } from "../../src/protocol/tlog-proof.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { seededRandom, sendBatch, signBatch } from "../support/load.js";
import { makeLog } from "../support/log-maker.js";
import { TEST_SEED } from "../support/seed.js";
import { TestService } from "../support/service.js";
import { TlogAuditor } from "../support/tlog-auditor.js";

const ENTRIES = Number(process.env.TLOG_ENTRIES ?? 3000);
const IS_CAMPAIGN = process.env.TLOG_ENTRIES !== undefined;
const LOAD_BATCHES = IS_CAMPAIGN ? 400 : 10;
const BATCH_EVENTS = 20;
const CLIENTS = 4;
const PROOFS = IS_CAMPAIGN ? 2000 : 50;
const LAG_MS_MAX = 1000;
const PROOF_MS_MAX = 5;
const TIMEOUT_MS = IS_CAMPAIGN ? 2 * 3_600_000 : 180_000;

it(
  `${ENTRIES} entries: root, checkpoint lag, inclusion proofs`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-tlog-"));
    await makeLog(folder, ENTRIES);
    const startedMs = performance.now();
    await using service = new TestService(await ServerProcess.start({ folder }), folder, {});
    const key = (await untilCheckpoint(service, 0)).key;
    const { size } = await untilCheckpoint(service, ENTRIES);
    const hashedMs = performance.now() - startedMs;

    const auditor = new TlogAuditor(`${service.url}/tlog`, key);
    expect(await auditor.audit(await auditor.checkpoint())).toHaveLength(size);

    const lags = await checkpointLags(service);
    const proofs = await proofTimes(service, ENTRIES);
    const figures = {
      ...{
        entries: ENTRIES,
        hashedSeconds: round(hashedMs / 1000),
        lagMs: quantiles(lags),
        proofMs: quantiles(proofs),
      },
      seed: TEST_SEED,
    };
    console.log(`tlog: ${JSON.stringify(figures)}`);
    if (!IS_CAMPAIGN) return;
    expect(figures.lagMs.p99).toBeLessThanOrEqual(LAG_MS_MAX);
    expect(figures.proofMs.p99).toBeLessThanOrEqual(PROOF_MS_MAX);
  },
  TIMEOUT_MS,
);

/** Milliseconds from the answer to a batch to a served checkpoint that covers all of it, under load. */
async function checkpointLags(service: TestService): Promise<number[]> {
  const agents = await Promise.all(Array.from({ length: CLIENTS }, () => service.agent()));
  const answered: { readonly head: number; readonly atMs: number }[] = [];
  const lags: number[] = [];
  let isOver = false;
  const watching = (async () => {
    for (let next = 0; !isOver || next < answered.length; ) {
      const { json } = await service.get("/api/v1/log/checkpoint");
      for (; next < answered.length && answered[next]!.head <= json.size; next++) {
        lags.push(performance.now() - answered[next]!.atMs);
      }
      await delay(10);
    }
  })();
  await Promise.all(
    agents.map(async (agent) => {
      for (let batch = 0; batch < LOAD_BATCHES; batch++) {
        expect((await sendBatch(service, signBatch(agent, BATCH_EVENTS))).status).toBe(200);
        const atMs = performance.now();
        // At least what was answered is below it: a later head only makes the lag look longer.
        answered.push({ head: (await service.get("/api/v1/head")).json.next_offset, atMs });
      }
    }),
  );
  isOver = true;
  await watching;
  return lags;
}

/** Milliseconds of the route, connection and JSON included; each proof is checked. */
async function proofTimes(service: TestService, entries: number): Promise<number[]> {
  const random = seededRandom(TEST_SEED);
  const times: number[] = [];
  for (let proof = 0; proof < PROOFS; proof++) {
    const offset = Math.floor(random() * entries);
    const startedMs = performance.now();
    const { json } = await service.get(`/api/v1/log/inclusion?offset=${offset}`);
    times.push(performance.now() - startedMs);
    const path = json.proof.map((hash: string) => fromHex(hash, 32)!);
    const head = { size: json.size, root: fromHex(json.root, 32)! };
    expect(verifyInclusion(fromHex(json.leaf_hash, 32)!, offset, path, head)).toBe(true);
  }
  return times;
}

function quantiles(values: readonly number[]): { readonly p50: number; readonly p99: number; readonly max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
