/** Every fault of the disk × does the service go on, and is it fatal. Whatever happens, no acknowledgement is false. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Ledger, sendBatch, signBatch } from "../support/load.js";
import { expectProblem } from "../support/problem.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { readLog, Subscriber } from "../support/subscriber.js";
import { checkSound, expectEnd, send } from "./fault-checks.js";
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

    await checkSound(service, ledger);
  });
});

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
