/**
 * A real service under load from real clients, killed at every named crash point and at random instants. After each
 * restart verify-log passes and the clients' own books agree with the log. `CRASH_ROUNDS` or `CRASH_MINUTES` for campaigns.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { migrationsPath } from "../../src/base/asset-paths.js";
import type { CrashPoint } from "../../src/base/crash-point.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { seededRandom } from "../support/load.js";
import { makeLog } from "../support/log-maker.js";
import { type Edit, plantBuild } from "../support/planted-build.js";
import { TEST_SEED } from "../support/seed.js";
import { TestService } from "../support/service.js";
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

const LANE_STORE = "src/store/sqlite/lane-store.js";

/** Faults that this harness is there for, each a few edits of the built code. */
const PLANTED: readonly (readonly [string, readonly Edit[]])[] = [
  [
    "answers before the commit",
    [
      // Every 64th chunk is committed, with those before it.
      {
        file: LANE_STORE,
        find: "this.#sql.commit.run();",
        replace:
          "globalThis.held = (globalThis.held ?? 0) + 1; if (writes.entries.length === 0 || globalThis.held % 64 === 0) this.#sql.commit.run();",
      },
      {
        file: LANE_STORE,
        find: "this.#sql.begin.run();",
        replace: "if (!this.#db.inTransaction) this.#sql.begin.run();",
      },
      { file: LANE_STORE, find: "if (this.#db.inTransaction)", replace: "if (false)" },
    ],
  ],
  [
    "resumes a subscriber one entry late",
    [
      {
        file: "src/api/subscribe.js",
        find: "const fromOffset = readCursor(request.query, head);",
        replace: "const asked = readCursor(request.query, head); const fromOffset = asked > 0 ? asked + 1 : 0;",
      },
    ],
  ],
];

/** Of 64 kills 63 find chunks that were answered and not committed. */
const PLANTED_ROUNDS = 5;

/** Generous for a busy machine: a round ends as soon as its point is reached. */
const REACH_MS = 30_000;
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? POINTS.length + 2);
/** After each crash the whole log is proven again: it must not grow without end. */
const ROUNDS_PER_LOG = 4 * (POINTS.length + 2);
const MINUTES = Number(process.env.CRASH_MINUTES ?? 0);

it(`loses, repeats and reorders nothing over crashes (seed ${TEST_SEED})`, async () => {
  const random = seededRandom(TEST_SEED);
  const endMs = performance.now() + MINUTES * 60_000;
  const reached = new Map<CrashPoint, number>();
  const sum = { entries: 0, receipts: 0, heard: 0, revoked: 0 };
  let rounds = 0;
  for (let logs = 1; rounds < ROUNDS || performance.now() < endMs; logs++) {
    await using crash = await CrashService.start();
    const last = rounds + ROUNDS_PER_LOG;
    for (; rounds < last && (rounds < ROUNDS || performance.now() < endMs); rounds++) {
      const point = POINTS[rounds % (POINTS.length + 2)] ?? null;
      const count = point?.startsWith("revocation") ? 1 : 1 + Math.floor(random() * 4);
      // A named point gets the time it needs to be reached.
      const killAfterMs = point === null ? 300 + random() * 700 : REACH_MS;
      if (await crash.crash(point, count, killAfterMs)) reached.set(point!, (reached.get(point!) ?? 0) + 1);
    }
    await crash.finish();
    const { books } = crash;
    expect(books.ledger.receipts.size).toBeGreaterThan(0);
    sum.entries += books.entries;
    sum.receipts += books.ledger.receipts.size;
    sum.heard += books.heard.length;
    sum.revoked += books.revoked.size;
    console.log(`${rounds} rounds on ${logs} logs (seed ${TEST_SEED}): ${JSON.stringify(sum)}`);
  }
  console.log(JSON.stringify(Object.fromEntries(reached)));
  if (rounds >= POINTS.length) expect([...reached.keys()].sort()).toEqual([...POINTS].sort());
}, 36_000_000);

it.each(PLANTED)("notices a build that %s", async (_, edits) => {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-planted-"));
  try {
    await using crash = await CrashService.start(plantBuild(folder, edits));
    const campaign = async (): Promise<void> => {
      for (let round = 0; round < PLANTED_ROUNDS; round++) await crash.crash(null, 1, 300);
      await crash.finish();
    };
    await expect(campaign()).rejects.toThrow(/entry|receipt|verify-log|lost its tail|whole log/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const LOG_MIGRATIONS = readdirSync(migrationsPath("sqlite")).filter((name) => name.endsWith(".sql")).length;

describe.each(MIGRATION_POINTS)("a crash at %s", (point) => {
  it.each([1, LOG_MIGRATIONS])("of the log's migration %i", async (nth) => {
    await using folder = new CrashedStart();
    await folder.startAndCrash(`${point}:${nth}`);
    await folder.startAndIngest();
  });

  it("of the tree's first migration", async () => {
    await using folder = new CrashedStart();
    // Only the tree is left to be migrated.
    await makeLog(folder.path, 10);
    await folder.startAndCrash(point);
    await folder.startAndIngest();
  });
});

class CrashedStart implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), "sequencer-crash-"));

  /** The tree's thread may get there before or after the service listens. */
  async startAndCrash(crashPoint: string): Promise<void> {
    const starting = ServerProcess.start({ folder: this.path, env: { CRASH_POINT: crashPoint } });
    const ended = await starting.then((server) => Promise.race([server.exited, delay(REACH_MS)])).catch(String);
    expect(String(ended)).toContain("SIGKILL");
  }

  async startAndIngest(): Promise<void> {
    const service = new TestService(await ServerProcess.start({ folder: this.path }), this.path, {});
    await using _ended = service.process;
    const agent = await service.agent();
    const answer = await agent.ingest([agent.sign()]);
    expect(answer.status, answer.text).toBe(200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.path, { recursive: true, force: true });
  }
}
