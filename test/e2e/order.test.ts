import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { nobleEd25519 } from "../../src/protocol/ed25519.js";
import {
  agentsOnFourStreams,
  type Batch,
  Ledger,
  makeBatch,
  receiptTexts,
  seededRandom,
  sendBatch,
  signBatches,
} from "../support/load.js";
import { checkAcknowledged, checkOrder, checkSame, hasValidReceipt, sequencerPublicKey } from "../support/log-check.js";
import { TEST_SEED } from "../support/seed.js";
import { ed25519, startService, type TestAgent, type TestService } from "../support/service.js";
import { readLog, Subscriber } from "../support/subscriber.js";

const EVENTS = Number(process.env.ORDER_EVENTS ?? 3000);
const IS_ALL_NOBLE = process.env.ORDER_NOBLE_ALL === "1";
const CLIENTS = 8;
const BATCH_EVENTS_MAX = 100;
/** Receipts checked with noble (0.9 ms each) where not all of them are. */
const NOBLE_SAMPLE = 300;
const CAMPAIGN_MS = 180_000 + EVENTS * 10;

/** The total order, with everything that could disturb it going on at once. */
it(`orders ${EVENTS} events of ${CLIENTS} concurrent clients, once each (seed ${TEST_SEED})`, {
  timeout: CAMPAIGN_MS,
}, async () => {
  await using service = await startService({ SEQ_WS_MAX_CATCHUP_EVENTS: "1000000000" });
  const agents = await agentsOnFourStreams(service, CLIENTS);
  const random = seededRandom(TEST_SEED);
  const work = agents.map((agent, index) => signWork(agent, shareOf(index), random));
  await using subscriber = await Subscriber.open(service, "from_offset=0");

  const ledger = new Ledger();
  const startedMs = performance.now();
  const outcomes = await Promise.all(work.map((steps) => runClient(service, steps, ledger)));
  const ingestMs = performance.now() - startedMs;
  await subscriber.until(EVENTS);
  const deliveredMs = performance.now() - startedMs;

  const { frames } = subscriber;
  expect(ledger.receipts.size).toBe(EVENTS);
  expect(sum(outcomes.map(({ accepted }) => accepted))).toBe(EVENTS);
  const { streams } = checkOrder(frames);
  expect(streams.size).toBe(4);
  checkAcknowledged(frames, ledger.receipts);
  const verified = await verifyReceipts(service, frames);
  const stored = await readLog(service);
  expect(stored.length).toBe(EVENTS);
  checkSame(stored, frames);
  // Nothing came twice after all that: the subscriber still has exactly the log.
  expect(frames.length).toBe(EVENTS);

  const replays = sum(outcomes.map(({ replayed }) => replayed));
  const duplicates = sum(outcomes.map(({ rejected }) => rejected));
  const perSecond = Math.round(EVENTS / (ingestMs / 1000));
  console.log(
    `order: ${EVENTS} events in ${Math.round(ingestMs)} ms (${perSecond}/s), last frame at ${Math.round(deliveredMs)} ms, ` +
      `${replays} replayed, ${duplicates} duplicates refused, ${verified} receipts verified with noble, seed ${TEST_SEED}`,
  );
});

/** What a client does next: a new batch, alone or twice at once; the same again; the same ids with other contents. */
interface Step {
  readonly kind: "send" | "race" | "replay" | "duplicate";
  readonly batch: Batch;
}

function shareOf(client: number): number {
  return Math.floor(EVENTS / CLIENTS) + (client < EVENTS % CLIENTS ? 1 : 0);
}

function signWork(agent: TestAgent, events: number, random: () => number): Step[] {
  const steps: Step[] = [];
  const batches = signBatches(agent, events, () => 1 + Math.floor(random() * BATCH_EVENTS_MAX));
  for (const batch of batches) {
    steps.push({ kind: random() < 0.1 ? "race" : "send", batch });
    const dice = random();
    if (dice < 0.1) steps.push({ kind: "replay", batch });
    else if (dice < 0.2) steps.push({ kind: "duplicate", batch: changed(agent, batch) });
  }
  return steps;
}

/** The same ids, properly signed, over another payload. */
function changed(agent: TestAgent, batch: Batch): Batch {
  const ids = batch.eventIds.slice(0, 3) as TestAgent["agentId"][];
  return makeBatch(
    agent,
    ids.map((eventId) => agent.sign({ eventId, payload: { changed: true } })),
  );
}

interface Outcome {
  accepted: number;
  replayed: number;
  rejected: number;
}

async function runClient(service: TestService, steps: readonly Step[], ledger: Ledger): Promise<Outcome> {
  const outcome: Outcome = { accepted: 0, replayed: 0, rejected: 0 };
  for (const { kind, batch } of steps) {
    const sends = kind === "race" ? [batch, batch] : [batch];
    const answers = await Promise.all(sends.map((one) => sendBatch(service, one)));
    const before = outcome.accepted;
    for (const answer of answers) {
      if (answer.status !== 200) throw new Error(answer.text);
      const { eventsAccepted, eventsRejected } = answer.json as { eventsAccepted: number; eventsRejected: number };
      outcome.accepted += eventsAccepted;
      outcome.rejected += eventsRejected;
      outcome.replayed += ledger.add(answer);
      expect(receiptTexts(answer.text).length + eventsRejected).toBe(batch.eventIds.length);
    }
    const isNew = kind === "send" || kind === "race";
    expect(outcome.accepted - before).toBe(isNew ? batch.eventIds.length : 0);
  }
  return outcome;
}

/** All with the native verifier; all or a sample with noble. Returns how many noble checked. */
async function verifyReceipts(service: TestService, frames: readonly Buffer[]): Promise<number> {
  const publicKey = await sequencerPublicKey(service);
  const stride = IS_ALL_NOBLE ? 1 : Math.max(1, Math.ceil(frames.length / NOBLE_SAMPLE));
  let withNoble = 0;
  for (const [index, frame] of frames.entries()) {
    // The sockets get their turn: a minute of arithmetic would look like a dead client.
    if (index % 256 === 0) await nextTurn();
    if (!hasValidReceipt(frame, publicKey, ed25519))
      throw new Error(`entry ${index}: native verifier refuses its receipt`);
    if (index % stride !== 0) continue;
    if (!hasValidReceipt(frame, publicKey, nobleEd25519)) throw new Error(`entry ${index}: noble refuses its receipt`);
    withNoble += 1;
  }
  return withNoble;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
