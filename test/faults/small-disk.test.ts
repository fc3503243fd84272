/** A real file system without room, where root may mount one: refused by name, read on, taken again once there is room. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import { Ledger, largePayload, sendBatch, signBatch } from "../support/load.js";
import { expectProblem } from "../support/problem.js";
import { type TestAgent, TestService } from "../support/service.js";
import { mountSmallDisk, unmountSmallDisk } from "../support/small-disk.js";
import { readLog, Subscriber } from "../support/subscriber.js";
import { checkSound, send } from "./fault-checks.js";

const DISK_BYTES = 8 << 20;
const BALLAST_BYTES = 4 << 20;
/** More than the disk holds. */
const BATCHES_MAX = 200;

const base = mkdtempSync(join(tmpdir(), "sequencer-small-disk-"));
const mount = mountSmallDisk(join(base, "disk"), DISK_BYTES);
afterAll(() => {
  if (mount !== null) unmountSmallDisk(mount);
  rmSync(base, { recursive: true, force: true });
});

it.runIf(mount !== null)("refuses on a full disk, serves reads, and resumes alone when there is room", async () => {
  const ballast = join(mount!, "ballast");
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
  const folder = join(mount!, "data");
  const service = new TestService(await ServerProcess.start({ folder }), folder, {});
  await using _ended = service.process;
  const agent = await service.agent();
  const ledger = new Ledger();
  await using subscriber = await Subscriber.open(service);
  await fill(service, agent, ledger);
  expect((await readLog(service)).length).toBeGreaterThanOrEqual(ledger.receipts.size);
  await subscriber.until(ledger.receipts.size);
  expect((await service.get("/health")).status).toBe(200);

  rmSync(ballast);
  await resumed(service, agent, ledger);
  await send(service, agent, ledger, 5);
  await subscriber.until(ledger.receipts.size);
  await checkSound(service, ledger);
});

/** Sends until there is no room. */
async function fill(service: TestService, agent: TestAgent, ledger: Ledger): Promise<void> {
  for (let sent = 0; sent < BATCHES_MAX; sent++) {
    const answer = await sendBatch(service, signBatch(agent, 4, { payload: largePayload(20_000) }));
    if (answer.status === 200) {
      ledger.add(answer);
      continue;
    }
    expectProblem(answer, "STORAGE_FULL");
    return;
  }
  throw new Error("the disk took everything");
}

async function resumed(service: TestService, agent: TestAgent, ledger: Ledger): Promise<void> {
  for (;;) {
    const answer = await sendBatch(service, signBatch(agent, 1));
    if (answer.status === 200) {
      ledger.add(answer);
      return;
    }
    expectProblem(answer, "STORAGE_FULL");
    await delay(20);
  }
}
