import { describe, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import {
  agentsOnFourStreams,
  type Batch,
  Ledger,
  receiptTexts,
  seededRandom,
  sendBatch,
  signBatch,
  signBatches,
} from "../support/load.js";
import { checkAcknowledged, checkOrder, checkSame, hasValidReceipt, sequencerPublicKey } from "../support/log-check.js";
import { runMain } from "../support/run-main.js";
import { TEST_SEED } from "../support/seed.js";
import { ed25519, startService, type TestService, uuid } from "../support/service.js";
import { parseFrame, readLog, Subscriber } from "../support/subscriber.js";

const CRASHES = 4;

describe("restart", () => {
  it("answers an exact replay with the same bytes after SIGKILL and after a clean end", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const batch = signBatch(agent, 50);
    const first = receiptTexts((await sendBatch(service, batch)).text);
    const frames = await readLog(service);
    const { log_id: logId, epoch } = (await service.get("/api/v1/head")).json;
    expect(first.length).toBe(50);

    await service.crashAndRestart();
    expect(receiptTexts((await sendBatch(service, batch)).text)).toEqual(first);
    expect(await service.process.stop()).toBe(0);
    await service.startAgain();
    const answer = await sendBatch(service, batch);
    expect(receiptTexts(answer.text)).toEqual(first);
    expect(answer.json).toMatchObject({ eventsAccepted: 0, eventsRejected: 0, headSequence: 50 });
    checkSame(await readLog(service), frames);
    expect((await service.get("/api/v1/head")).json).toMatchObject({ log_id: logId, epoch, next_offset: 50 });
  });

  it(`keeps every acknowledged receipt over ${CRASHES} crashes under load (seed ${TEST_SEED})`, async () => {
    await using service = await startService();
    const random = seededRandom(TEST_SEED);
    const agents = await agentsOnFourStreams(service, 6);
    const work = agents.map((agent) => signBatches(agent, 600, () => 1 + Math.floor(random() * 30)));
    const total = new Set(work.flatMap((batches) => batches.flatMap(({ eventIds }) => eventIds))).size;
    const { log_id: logId } = (await service.get("/api/v1/head")).json;
    const ledger = new Ledger();
    const seen: Buffer[] = [];
    for (let crash = 0; crash < CRASHES; crash++) {
      const frames = await crashUnderLoad(service, work, ledger, {
        answers: 5 + Math.floor(random() * 12),
        seen,
        random,
      });
      seen.push(...frames);
      await service.startAgain();
      await checkAfterCrash(service, ledger, seen);
    }
    await Promise.all(work.map((batches) => drainWork(service, batches, ledger)));
    const stored = await readLog(service);
    expect(stored.length).toBe(total);
    expect(ledger.receipts.size).toBe(total);
    await checkAfterCrash(service, ledger, seen);
    expect((await service.get("/api/v1/head")).json).toMatchObject({ log_id: logId, epoch: 1, next_offset: total });
    const publicKey = await sequencerPublicKey(service);
    expect(stored.every((frame) => hasValidReceipt(frame, publicKey, ed25519))).toBe(true);
  });

  it("refuses a second process on the same folder with 75, and goes on undisturbed", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const env = { DATA_DIR: service.folder, BOOTSTRAP_ADMIN_API_KEY: service.adminKey };
    const second = await runMain([], env);
    expect(second.code).toBe(75);
    expect(second.stderr.trim().split("\n")).toEqual([expect.stringContaining("in use by another process")]);
    expect((await agent.ingest([agent.sign()])).json.eventsAccepted).toBe(1);
    await service.process.kill();
    await service.startAgain();
    expect((await readLog(service)).length).toBe(1);
  });

  it("keeps old receipts byte-identical when the signing key and the sequencer's id change", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const batch = signBatch(agent, 5);
    const old = await sendBatch(service, batch);
    const oldKey = await sequencerPublicKey(service);
    const oldFrames = await readLog(service);
    const oldId = parseFrame(oldFrames[0]!).receipt.sequencerId;

    const identity = { VES_SEQUENCER_SIGNING_KEY: "42".repeat(32), VES_SEQUENCER_ID: uuid() };
    await restartWith(service, identity);
    expect(receiptTexts((await sendBatch(service, batch)).text)).toEqual(receiptTexts(old.text));
    await sendBatch(service, signBatch(agent, 5));
    const frames = await readLog(service);
    checkSame(frames.slice(0, 5), oldFrames);
    const newKey = await sequencerPublicKey(service);
    expect(frames.map((frame) => hasValidReceipt(frame, oldKey, ed25519))).toEqual(firstFive(true));
    expect(frames.map((frame) => hasValidReceipt(frame, newKey, ed25519))).toEqual(firstFive(false));
    expect(frames.slice(5).every((frame) => parseFrame(frame).receipt.sequencerId === identity.VES_SEQUENCER_ID)).toBe(
      true,
    );

    // And back to the folder's own identity.
    await restartWith(service, {});
    await sendBatch(service, signBatch(agent, 1));
    const all = await readLog(service);
    checkSame(all.slice(0, 10), frames);
    expect(parseFrame(all[10]!).receipt.sequencerId).toBe(oldId);
    checkOrder(all);
  });
});

const firstFive = (value: boolean): boolean[] => Array.from({ length: 10 }, (_, index) => index < 5 === value);

async function restartWith(service: TestService, env: Readonly<Record<string, string>>): Promise<void> {
  expect(await service.process.stop()).toBe(0);
  const base = { PORT: String(service.process.port), BOOTSTRAP_ADMIN_API_KEY: service.adminKey };
  service.process = await ServerProcess.start({ folder: service.folder, env: { ...base, ...env } });
}

interface Crash {
  /** Acknowledged requests after which the process is killed. */
  readonly answers: number;
  /** Frames delivered before. */
  readonly seen: readonly Buffer[];
  readonly random: () => number;
}

/** Runs all clients until the kill. Returns the frames that a live subscriber got meanwhile. */
async function crashUnderLoad(service: TestService, work: Batch[][], ledger: Ledger, crash: Crash): Promise<Buffer[]> {
  await using subscriber = await Subscriber.open(service, `from_offset=${crash.seen.length}`);
  let answers = 0;
  // A moment of its own, so that the kill meets the commit at different places.
  const kill = (): void => void setTimeout(() => service.process.signal("SIGKILL"), crash.random() * 8);
  const onAnswer = (): void => {
    answers += 1;
    if (answers === crash.answers) kill();
  };
  await Promise.all(work.map((batches) => sendUntilDead(service, batches, ledger, onAnswer)));
  if (answers < crash.answers) kill();
  await service.process.exited;
  await subscriber.closed;
  return subscriber.frames;
}

/** A batch leaves the work list only when it was acknowledged: what is in doubt is sent again after the restart. */
async function sendUntilDead(
  service: TestService,
  batches: Batch[],
  ledger: Ledger,
  onAnswer: () => void,
): Promise<void> {
  while (batches.length > 0) {
    const answer = await sendBatch(service, batches[0]!).catch(() => null);
    if (answer === null) return;
    take(batches, ledger, answer);
    onAnswer();
  }
}

async function drainWork(service: TestService, batches: Batch[], ledger: Ledger): Promise<void> {
  while (batches.length > 0) take(batches, ledger, await sendBatch(service, batches[0]!));
}

/** All of the batch is acknowledged: newly, or as stored before the crash. */
function take(batches: Batch[], ledger: Ledger, answer: Awaited<ReturnType<typeof sendBatch>>): void {
  const { eventIds } = batches.shift()!;
  expect(answer.status).toBe(200);
  expect(answer.json.eventsRejected).toBe(0);
  expect(receiptTexts(answer.text).length).toBe(eventIds.length);
  ledger.add(answer);
}

/** The log is in order, holds every acknowledged receipt, and begins with everything a subscriber has ever seen. */
async function checkAfterCrash(service: TestService, ledger: Ledger, seen: readonly Buffer[]): Promise<void> {
  const stored = await readLog(service);
  checkOrder(stored);
  checkAcknowledged(stored, ledger.receipts);
  checkSame(stored.slice(0, seen.length), seen);
}
