/**
 * No room for the shared index of the write-ahead log, which grows with it. A commit may stand in the log by then, so this
 * is a failed flush like any other: the process ends and the next start recovers, as soon as there is room.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Ledger, largePayload } from "../support/load.js";
import { startService } from "../support/service.js";
import { checkSound, expectEnd, send } from "./fault-checks.js";
import { type Fault, FaultyDisk } from "./faulty-disk.js";

const INDEX = "/sequencer.db-shm";
const FAULTS: readonly Fault[] = [`write ENOSPC ${INDEX} 0`, `map ENOSPC ${INDEX} 0`];
/** The index grows at 4,062 pages of 4 KiB, and must not be spared that by a checkpoint. */
const NO_CHECKPOINTS = { WAL_BYTES_TARGET: String(1 << 30), WAL_BYTES_MAX: String(1 << 30) };
const LARGE = { payload: largePayload(100_000) };

const base = mkdtempSync(join(tmpdir(), "sequencer-faults-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const disk = FaultyDisk.build(base);

describe.runIf(disk !== null)("the shared index", () => {
  it.each(FAULTS)(
    "%s while it grows: ends, and recovers on the next start",
    async (fault) => {
      const faulty = disk!;
      faulty.heal();
      await using service = await startService({ ...faulty.env, ...NO_CHECKPOINTS });
      const agent = await service.agent();
      const ledger = new Ledger();
      await send(service, agent, ledger, 3);
      faulty.fail(fault);
      await expectEnd(service, agent, ledger, LARGE);
      await expect(service.startAgain()).rejects.toThrow(/ended with 70/);
      faulty.heal();
      await service.startAgain();
      await send(service, agent, ledger, 3);
      await checkSound(service, ledger);
    },
    180_000,
  );
});
