/**
 * A real service under load from real clients, killed at every named crash point and at random instants. After each
 * restart verify-log passes and the clients' own books agree with the log. `CRASH_ROUNDS` or `CRASH_MINUTES` for campaigns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { CrashPoint } from "../../src/base/crash-point.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { seededRandom } from "../support/load.js";
import { CrashService } from "./crash-service.js";

const POINTS: readonly CrashPoint[] = [
  "lane.begun",
  "lane.written",
  "lane.committed",
  "lane.answered",
  "checkpoint.begun",
  "checkpoint.passive",
  "checkpoint.restart",
  "revocation.written",
  "revocation.committed",
  "revocation.epoch-raised",
];
const MIGRATION_POINTS: readonly CrashPoint[] = ["migration.begun", "migration.written", "migration.committed"];

/** Generous for a busy machine: a round ends as soon as its point is reached. */
const REACH_MS = 30_000;
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? POINTS.length + 2);
const MINUTES = Number(process.env.CRASH_MINUTES ?? 0);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

it(`loses, repeats and reorders nothing over crashes (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  await using crash = await CrashService.start();
  const endMs = performance.now() + MINUTES * 60_000;
  const reached = new Map<CrashPoint, number>();
  let rounds = 0;
  for (; rounds < ROUNDS || performance.now() < endMs; rounds++) {
    const point = POINTS[rounds % (POINTS.length + 2)] ?? null;
    const count = point?.startsWith("revocation") ? 1 : 1 + Math.floor(random() * 4);
    // A named point gets the time it needs to be reached.
    const killAfterMs = point === null ? 300 + random() * 700 : REACH_MS;
    if (await crash.crash(point, count, killAfterMs)) reached.set(point!, (reached.get(point!) ?? 0) + 1);
  }
  await crash.finish();
  const { books } = crash;
  expect(books.ledger.receipts.size).toBeGreaterThan(0);
  if (rounds >= POINTS.length) expect([...reached.keys()].sort()).toEqual([...POINTS].sort());
  const counts = { entries: books.entries, receipts: books.ledger.receipts.size, heard: books.heard.length };
  console.log(JSON.stringify(Object.fromEntries(reached)));
  console.log(`${rounds} rounds (seed ${SEED}): ${JSON.stringify({ ...counts, revoked: books.revoked.size })}`);
}, 36_000_000);

it.each(MIGRATION_POINTS)("comes up after a crash at %s", async (point) => {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-crash-"));
  try {
    await expect(ServerProcess.start({ folder, env: { CRASH_POINT: `${point}:2` } })).rejects.toThrow(/SIGKILL/);
    await using server = await ServerProcess.start({ folder });
    expect(await server.stop()).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
