/** Every fault of the disk × does the service go on, and is it fatal. Whatever happens, no acknowledgement is false. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { Ledger, sendBatch, signBatch } from "../support/load.js";
import { checkAcknowledged, checkOrder } from "../support/log-check.js";
import { expectProblem } from "../support/problem.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { readLog, Subscriber } from "../support/subscriber.js";
import { type Fault, FaultyDisk } from "./faulty-disk.js";

/** refuses: 503 STORAGE_FULL until it heals. goes on: clients notice nothing. fatal: exit 70, the next start recovers. */
type Expected = "refuses" | "goes on" | "fatal";

const WAL = "/sequencer.db-wal";
const DATABASE = "/sequencer.db";

const FAULTS: readonly (readonly [Fault, Expected])[] = [
  [`write ENOSPC ${WAL} 0`, "refuses"],
  [`write ENOSPC ${WAL} 7`, "refuses"],
  [`write SHORT ${WAL} 0`, "refuses"],
  [`write SHORT ${WAL} 5`, "refuses"],
  [`write EIO ${WAL} 0`, "fatal"],
  [`write EIO ${WAL} 5`, "fatal"],
  [`sync EIO ${WAL} 0`, "fatal"],
  [`sync ENOSPC ${WAL} 0`, "fatal"],
  [`write ENOSPC ${DATABASE} 0`, "goes on"],
  [`write SHORT ${DATABASE} 1`, "goes on"],
  [`write EIO ${DATABASE} 0`, "fatal"],
  [`sync EIO ${DATABASE} 0`, "fatal"],
];

const EXIT_FATAL = 70;
const base = mkdtempSync(join(tmpdir(), "sequencer-faults-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const disk = FaultyDisk.build(base);

describe.runIf(disk !== null)("a failing disk", () => {
  it.each(FAULTS)("%s: %s", async (fault, expected) => {
    const faulty = disk!;
    faulty.heal();
    // A write-ahead log of a few chunks is due for a checkpoint.
    await using service = await startService({
      ...faulty.env,
      WAL_BYTES_TARGET: "65536",
      CHECKPOINT_INTERVAL_MS: "20",
    });
    const agent = await service.agent();
    const ledger = new Ledger();
    await send(service, agent, ledger, 3);
    await using subscriber = await Subscriber.open(service);
    await subscriber.until(ledger.receipts.size);

    faulty.fail(fault);
    if (expected === "fatal") await expectEnd(service, agent, ledger);
    else if (expected === "refuses") await expectRefusal(service, agent, ledger);
    else await send(service, agent, ledger, 20);
    faulty.heal();
    if (expected === "fatal") await service.startAgain();
    await send(service, agent, ledger, 3);
    if (expected !== "fatal") await subscriber.until(ledger.receipts.size);

    const frames = await readLog(service);
    checkOrder(frames);
    checkAcknowledged(frames, ledger.receipts);
    expect(await service.process.stop()).toBe(0);
    const path = databasePath(service.folder);
    const options = { path, withSignatures: true, threads: 1, headMin: ledger.receipts.size, onProgress: () => {} };
    expect((await auditLog(options)).findings).toEqual([]);
  });
});

async function send(service: TestService, agent: TestAgent, ledger: Ledger, batches: number): Promise<void> {
  for (let sent = 0; sent < batches; sent++) {
    const answer = await sendBatch(service, signBatch(agent, 20));
    expect(answer.status, answer.text).toBe(200);
    ledger.add(answer);
  }
}

/** New work is refused by name; what is there can be read, and the process stays. */
async function expectRefusal(service: TestService, agent: TestAgent, ledger: Ledger): Promise<void> {
  const before = await readLog(service);
  for (let refused = 0; refused < 5; refused++) {
    expectProblem(await sendBatch(service, signBatch(agent, 20)), "STORAGE_FULL");
  }
  expect((await readLog(service)).map(String)).toEqual(before.map(String));
  await using late = await Subscriber.open(service);
  await late.until(ledger.receipts.size);
  expect((await service.get("/health")).status).toBe(200);
}

/** Load until the process ends. Nothing it says meanwhile may be untrue. */
async function expectEnd(service: TestService, agent: TestAgent, ledger: Ledger): Promise<void> {
  const ended = service.process.exited;
  let code: number | NodeJS.Signals | null = null;
  void ended.then((value) => {
    code = value;
  });
  for (let sent = 0; code === null && sent < 200; sent++) {
    const answer = await sendBatch(service, signBatch(agent, 20)).catch(() => null);
    if (answer?.status === 200) ledger.add(answer);
    await delay(10);
  }
  expect(await Promise.race([ended, delay(5000)])).toBe(EXIT_FATAL);
}
