/** A real file system without room, where root may mount one: refused by name, read on, taken again once there is room. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import { servedCheckpoint, untilCheckpoint } from "../support/checkpoint.js";
import { Ledger, largePayload, sendBatch, signBatch } from "../support/load.js";
import { ownPort } from "../support/own-port.js";
import { expectProblem } from "../support/problem.js";
import { type TestAgent, TestService } from "../support/service.js";
import { mountSmallDisk, unmountSmallDisk } from "../support/small-disk.js";
import { readLog, Subscriber } from "../support/subscriber.js";
import { checkSound, send } from "./fault-checks.js";

const DISK_BYTES = 8 << 20;
const BALLAST_BYTES = 4 << 20;
/** More than the disk holds. */
const BATCHES_MAX = 200;

/** Room for the guard's database, and not for the journal of its next change beside it. */
const GUARD_DISK_BYTES = 64 << 10;

const base = mkdtempSync(join(tmpdir(), "sequencer-small-disk-"));
const mount = mountSmallDisk(join(base, "disk"), DISK_BYTES);
const guardMount = mount === null ? null : mountSmallDisk(join(base, "guard-disk"), GUARD_DISK_BYTES);
afterAll(() => {
  for (const path of [mount, guardMount]) if (path !== null) unmountSmallDisk(path);
  rmSync(base, { recursive: true, force: true });
});

it.runIf(mount !== null)("refuses on a full disk, serves reads, and resumes alone when there is room", async () => {
  const ballast = join(mount!, "ballast");
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
  const folder = join(mount!, "data");
  // What is tried again this often would be said as often.
  const env = { TLOG_CHECKPOINT_INTERVAL_MS: "50" };
  const service = new TestService(await ServerProcess.start({ folder, env }), folder, env);
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
  const said = (text: string): number => service.process.lines.filter((line) => line.includes(text)).length;
  expect(said("writes are refused until that ends")).toBe(1);
  // The tree may have found the room it needed.
  expect(said("the disk is full: no checkpoint")).toBeLessThanOrEqual(1);
});

it.runIf(guardMount !== null)("a guard file without room has checkpoints wait, and nothing else", async () => {
  const env = { TLOG_GUARD_FILE: join(guardMount!, "guard.db"), PORT: String(await ownPort()) };
  const folder = join(base, "guarded");
  const service = new TestService(await ServerProcess.start({ folder, env }), folder, env);
  await using _ended = service.process;
  const agent = await service.agent();
  const ledger = new Ledger();
  await send(service, agent, ledger, 5);
  const signed = ledger.receipts.size;
  await untilCheckpoint(service, signed);

  const ballast = join(guardMount!, "ballast");
  expect(() => writeFileSync(ballast, Buffer.alloc(GUARD_DISK_BYTES))).toThrow("ENOSPC");
  await send(service, agent, ledger, 5);
  while (!service.process.lines.some((line) => line.includes("the disk of the guard file is full"))) await delay(10);
  expect((await servedCheckpoint(service))?.size).toBe(signed);
  // A start without room, on a head that was saved and not signed, waits as well.
  await service.crashAndRestart();
  while (!service.process.lines.some((line) => line.includes("the disk of the guard file is full"))) await delay(10);

  rmSync(ballast);
  await untilCheckpoint(service, ledger.receipts.size);
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
