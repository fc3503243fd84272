/** Reader thread: one read-only connection, one task per read. Entries go back packed and moved, the rest is cloned. */
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { errorToSend } from "../src/base/thread-errors.js";
import type { LogEntry } from "../src/store/contract.js";
import { packPage } from "../src/store/packed-page.js";
import { SqliteCommitmentReader } from "../src/store/sqlite/commitment-reader.js";
import { openReader } from "../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../src/store/sqlite/log-reader.js";
import { PlaceFinder } from "../src/store/sqlite/place-finder.js";
import { SqliteProofReader } from "../src/store/sqlite/proof-reader.js";
import type {
  CommitmentTask,
  EntriesAnswer,
  PackedAnswer,
  ReadTask,
  ReadWorkerData,
} from "../src/store/sqlite/reader-pool.js";

const { folder, pageBytesMax } = workerData as ReadWorkerData;
const db = openReader(folder);
const places = new PlaceFinder(db);
const reader = new SqliteLogReader(db, pageBytesMax, places);
const commitments = {
  ves: new SqliteCommitmentReader(db, "ves", places),
  legacy: new SqliteCommitmentReader(db, "legacy", places),
};
const proofs = new SqliteProofReader(db);

export default function answer(task: ReadTask): unknown {
  try {
    return read(task);
  } catch (error) {
    throw errorToSend(error);
  }
}

function read(task: ReadTask): unknown {
  if ("series" in task) return readCommitments(task);
  switch (task.method) {
    case "page":
      return move(reader.page(...task.args).packed);
    case "streamPage":
      return moveAnswer(reader.streamPage(...task.args));
    case "entryByEventId": {
      const entry = reader.entryByEventId(...task.args);
      return moveEntries(entry === null ? [] : [entry]);
    }
    case "legacyPage":
      return moveEntries(reader.legacyPage(...task.args));
    case "legacyHistory":
      return moveAnswer(reader.legacyHistory(...task.args));
    case "head":
      return reader.head();
    case "formerSequencers":
      return reader.formerSequencers(...task.args);
    case "streamHead":
      return reader.streamHead(...task.args);
    case "agentKey":
      return reader.agentKey(...task.args);
    case "agentKeys":
      return reader.agentKeys(...task.args);
    case "apiKey":
      return reader.apiKey(...task.args);
    case "apiKeyByPrefix":
      return reader.apiKeyByPrefix(...task.args);
    case "apiKeys":
      return reader.apiKeys(...task.args);
    case "proof":
      return proofs.proof(...task.args);
    case "proofByKey":
      return proofs.proofByKey(...task.args);
    case "proofs":
      return proofs.proofs(...task.args);
    case "proofBytes":
      return proofs.proofBytes(...task.args);
  }
}

function readCommitments(task: CommitmentTask): unknown {
  const from = commitments[task.series];
  switch (task.method) {
    case "commitment":
      return from.commitment(...task.args);
    case "coveringCommitment":
      return from.coveringCommitment(...task.args);
    case "commitments":
      return from.commitments(...task.args);
    case "chainState":
      return from.chainState(...task.args);
    case "uncommittedStreams":
      return from.uncommittedStreams(...task.args);
    case "fullStreams":
      return from.fullStreams(...task.args);
    case "oldStreams":
      return from.oldStreams(...task.args);
  }
}

function moveEntries(entries: readonly LogEntry[]): unknown {
  return move(pack(entries));
}

function moveAnswer<T extends EntriesAnswer>({ entries, ...facts }: T): unknown {
  const packed = pack(entries);
  const answer: PackedAnswer<T> = { packed, facts };
  return move({ [transferableSymbol]: packed.buffer, [valueSymbol]: answer });
}

/** Where a page of the log goes on is not asked of these. */
function pack(entries: readonly LogEntry[]): Uint8Array<ArrayBuffer> {
  return packPage({ entries, nextOffset: 0 });
}
