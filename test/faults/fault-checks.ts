/** Load on a service whose disk fails, and what must hold of it afterwards. */
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { type Ledger, sendBatch, signBatch } from "../support/load.js";
import { checkAcknowledged, checkOrder } from "../support/log-check.js";
import type { EventFields, TestAgent, TestService } from "../support/service.js";
import { readLog } from "../support/subscriber.js";

const EXIT_FATAL = 70;

/** Batches of 20, each of which must be taken. */
export async function send(service: TestService, agent: TestAgent, ledger: Ledger, batches: number): Promise<void> {
  for (let sent = 0; sent < batches; sent++) {
    const answer = await sendBatch(service, signBatch(agent, 20));
    expect(answer.status, answer.text).toBe(200);
    ledger.add(answer);
  }
}

/** Load until the process ends. Nothing it says meanwhile may be untrue. */
export async function expectEnd(
  service: TestService,
  agent: TestAgent,
  ledger: Ledger,
  fields: EventFields = {},
): Promise<void> {
  const ended = service.process.exited;
  let code: number | NodeJS.Signals | null = null;
  void ended.then((value) => {
    code = value;
  });
  for (let sent = 0; code === null && sent < 200; sent++) {
    const answer = await sendBatch(service, signBatch(agent, 20, fields)).catch(() => null);
    if (answer?.status === 200) ledger.add(answer);
    await delay(10);
  }
  expect(await Promise.race([ended, delay(60_000, null, { ref: false })])).toBe(EXIT_FATAL);
}

/** Every receipt is in the log, the service stops cleanly, verify-log finds nothing. */
export async function checkSound(service: TestService, ledger: Ledger): Promise<void> {
  const frames = await readLog(service);
  checkOrder(frames);
  checkAcknowledged(frames, ledger.receipts);
  expect(await service.process.stop()).toBe(0);
  const path = databasePath(service.folder);
  const options = { path, withSignatures: true, threads: 1, headMin: ledger.receipts.size, onProgress: () => {} };
  expect((await auditLog(options)).findings).toEqual([]);
}
