/** A failing disk under the tree's own database: checkpoints wait, nothing else does, and none that was served is forgotten. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { servedCheckpoint, untilCheckpoint } from "../support/checkpoint.js";
import { Ledger } from "../support/load.js";
import { startService, type TestService } from "../support/service.js";
import { checkSound, send } from "./fault-checks.js";
import { type Fault, FaultyDisk } from "./faulty-disk.js";

const WAL = "/tlog.db-wal";

/** Does it go on by itself once the disk is well, or on the next start. */
const FAULTS: readonly (readonly [Fault, "by itself" | "on the next start"])[] = [
  [`write ENOSPC ${WAL} 0`, "by itself"],
  [`write SHORT ${WAL} 3`, "by itself"],
  [`write EIO ${WAL} 0`, "on the next start"],
  [`sync EIO ${WAL} 0`, "on the next start"],
];

const base = mkdtempSync(join(tmpdir(), "sequencer-faults-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const disk = FaultyDisk.build(base);

describe.runIf(disk !== null)("a failing disk under the tree", () => {
  it.each(FAULTS)("%s: ingest goes on, checkpoints %s", async (fault, when) => {
    const faulty = disk!;
    faulty.heal();
    await using service = await startService({ ...faulty.env, TLOG_CHECKPOINT_INTERVAL_MS: "50" });
    const agent = await service.agent();
    const ledger = new Ledger();
    await send(service, agent, ledger, 2);
    await untilCheckpoint(service, ledger.receipts.size);
    const signed = ledger.receipts.size;

    faulty.fail(fault);
    await send(service, agent, ledger, 10);
    await untilLogged(service, when === "by itself" ? "the disk is full" : "until the next start");
    expect((await servedCheckpoint(service))?.size).toBe(when === "by itself" ? signed : undefined);
    await send(service, agent, ledger, 2);
    faulty.heal();
    if (when === "on the next start") {
      expect(await service.process.stop()).toBe(0);
      await service.startAgain();
    }
    await untilCheckpoint(service, ledger.receipts.size);
    await checkSound(service, ledger);
  });
});

async function untilLogged(service: TestService, text: string): Promise<void> {
  while (!service.process.lines.some((line) => line.includes(text))) await delay(20);
}
