/** Reader thread: one read-only connection, one task per read. Entries go back packed and moved, the rest is cloned. */
import { move, workerData } from "piscina";
import type { LogEntry } from "../src/store/contract.js";
import { packPage } from "../src/store/packed-page.js";
import { SqliteCommitmentReader } from "../src/store/sqlite/commitment-reader.js";
import { openReader } from "../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../src/store/sqlite/log-reader.js";
import { SqliteProofReader } from "../src/store/sqlite/proof-reader.js";
import type { ReadTask, ReadWorkerData } from "../src/store/sqlite/reader-pool.js";

const { folder, pageBytesMax } = workerData as ReadWorkerData;
const db = openReader(folder);
const reader = new SqliteLogReader(db, pageBytesMax);
const commitments = new SqliteCommitmentReader(db);
const proofs = new SqliteProofReader(db);

export default function read(task: ReadTask): unknown {
  switch (task.method) {
    case "page":
      return move(packPage(reader.page(...task.args)));
    case "streamPage":
      return moveEntries(reader.streamPage(...task.args));
    case "entryByEventId": {
      const entry = reader.entryByEventId(...task.args);
      return moveEntries(entry === null ? [] : [entry]);
    }
    case "head":
      return reader.head();
    case "streamHead":
      return reader.streamHead(...task.args);
    case "agentKey":
      return reader.agentKey(...task.args);
    case "agentKeys":
      return reader.agentKeys(...task.args);
    case "apiKey":
      return reader.apiKey(...task.args);
    case "apiKeys":
      return reader.apiKeys(...task.args);
    case "commitment":
      return commitments.commitment(...task.args);
    case "coveringCommitment":
      return commitments.coveringCommitment(...task.args);
    case "commitments":
      return commitments.commitments(...task.args);
    case "chainState":
      return commitments.chainState(...task.args);
    case "uncommittedStreams":
      return commitments.uncommittedStreams(...task.args);
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

function moveEntries(entries: readonly LogEntry[]): unknown {
  return move(packPage({ entries, nextOffset: 0 }));
}
