/**
 * The tlog thread: takes durable entries into the tree as they come and signs it at intervals. It looks instead of being
 * told, in small slices, so that neither a missed wake nor a long backlog changes anything, and answers questions between
 * slices, never for longer than it then looks at the log.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.js";
import { tellWhatEndsThread } from "../src/base/thread-errors.js";
import { parseNoteKey } from "../src/protocol/signed-note.js";
import { StorageFullError } from "../src/store/contract.js";
import { LeafRing } from "../src/store/leaf-ring.js";
import { openReader, SCAN_CACHE_KIB } from "../src/store/sqlite/connection.js";
import { TlogEntries } from "../src/store/sqlite/tlog-entries.js";
import { openTlogSigning } from "../src/store/sqlite/tlog-signing.js";
import { SignerConflictError } from "../src/store/tlog-contract.js";
import { Publisher } from "../src/tlog/publisher.js";
import { QuestionQueue } from "../src/tlog/question-queue.js";
import type { FromTlog, TlogWorkerData, ToTlog } from "../src/tlog/tlog-message.js";
import { TlogSigner } from "../src/tlog/tlog-signer.js";
import { WitnessClient } from "../src/tlog/witness-client.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";

/** Entries hashed without looking up: about 5 ms. */
const SLICE_ENTRIES = 512;
/** How often the log is looked at; far below the shortest interval that matters. */
const LOOK_MS = 25;
const WITNESS_RETRY_MS = 10_000;
const WITNESS_TIMEOUT_MS = 5_000;

tellWhatEndsThread("tlog");
const port = parentPort!;
const options = workerData as TlogWorkerData;
const ed25519 = selectEd25519();
const db = openReader(options.folder, SCAN_CACHE_KIB);
const entries = new TlogEntries(db);
let isStopping = false;

/** Runs until told to stop. Throws SignerConflictError when this folder may not sign, or may not any more. */
async function run(): Promise<void> {
  using signing = openTlogSigning({ ...options, nowMs: systemClock.nowMs() }, entries);
  const signer = new TlogSigner({ ...options, ...signing, ed25519, entries, ring: new LeafRing(options.leafRing) });
  const publisher = new Publisher({
    cosigners: options.witnesses.map(
      ({ url, key }) =>
        new WitnessClient({
          ...{ url, ed25519, timeoutMs: WITNESS_TIMEOUT_MS },
          key: parseNoteKey(key)!,
          proof: (a, b) => signer.consistency(a, b),
        }),
    ),
    quorum: options.witnessQuorum,
    onServed: (checkpoint) => post({ kind: "checkpoint", checkpoint }),
    onFailure: (name, reason) => post({ kind: "warning", reason: `${name} does not cosign: ${reason}` }),
  });
  const questions = new QuestionQueue(({ id, question }) => {
    post({ kind: "answer", id, answer: signer.answer(question) });
  });
  port.on("message", (message: ToTlog) => {
    if (message.kind === "stop") isStopping = true;
    else questions.add(message);
  });
  const retry = setInterval(() => publisher.retry(), WITNESS_RETRY_MS);
  await follow(signer, publisher, questions);
  clearInterval(retry);
}

async function follow(signer: TlogSigner, publisher: Publisher, questions: QuestionQueue): Promise<void> {
  let signedMs = performance.now();
  // What the last run saved is signed again: the same head gives the same bytes. And the guard comes after the head was saved:
  // without room there it stays without its signature until there is some.
  let isOwed = !signed(signer, publisher);
  for (let isLast = false; !isLast; ) {
    // Once more after the word to stop: what was acknowledged by then is in the last checkpoint.
    isLast = isStopping;
    for (let grown = SLICE_ENTRIES; grown > 0; ) {
      const turnEndsMs = performance.now() + questions.lastTurnMs;
      do grown = signer.grow(SLICE_ENTRIES);
      while (grown > 0 && performance.now() < turnEndsMs);
      const isDue = performance.now() - signedMs >= options.intervalMs || (isLast && grown === 0);
      if ((isOwed || signer.size > signer.signedSize) && isDue) {
        signedMs = performance.now();
        isOwed = !signed(signer, publisher);
        if (isOwed) break;
      }
      await nextTurn();
    }
    if (!isLast) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** False when the disk is full: nothing more is hashed until the next interval. */
function signed(signer: TlogSigner, publisher: Publisher): boolean {
  try {
    publisher.add(signer.sign());
    return true;
  } catch (error) {
    if (!(error instanceof StorageFullError)) throw error;
    post({ kind: "warning", reason: `${error.message}: no checkpoint` });
    return false;
  }
}

function post(message: FromTlog): void {
  port.postMessage(message);
}

try {
  await run();
} catch (error) {
  if (!(error instanceof SignerConflictError)) throw error;
  post({ kind: "refused", reason: error.message });
}
db.close();
// A witness that has not answered yet is not waited for.
process.exit(0);
