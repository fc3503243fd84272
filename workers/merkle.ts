/** Merkle worker: reads the leaves of a range on its own read-only connection, builds the tree, moves it to the caller. */
import { workerData } from "node:worker_threads";
import { assert } from "../src/base/assert.js";
import { answerTasks, lowerThreadPriority, type TaskResult } from "../src/base/thread-tasks.js";
import type { BuiltNodes, TreeJob, TreeWorkerData } from "../src/commit/tree-builder.js";
import { buildLegacyTree } from "../src/protocol/legacy-merkle.js";
import { MerkleTreeBuilder } from "../src/protocol/merkle-tree.js";
import { openReader, SCAN_CACHE_KIB } from "../src/store/sqlite/connection.js";
import { LegacyLeafReader } from "../src/store/sqlite/legacy-leaf-reader.js";
import { MerkleLeafReader } from "../src/store/sqlite/merkle-leaf-reader.js";
import { PlaceFinder } from "../src/store/sqlite/place-finder.js";

/** Signatures go first when processors are short. */
const NICE_INCREMENT = 5;

const db = openReader((workerData as TreeWorkerData).folder, SCAN_CACHE_KIB);
const places = new PlaceFinder(db);
const reader = new MerkleLeafReader(db, places);
const legacyReader = new LegacyLeafReader(db, places);

/** The tree's nodes; throws when an event of the range is missing, which callers have ruled out on rows. */
function build(job: TreeJob): TaskResult {
  const leafCount = job.sequenceEnd - job.sequenceStart + 1;
  if (job.series === "legacy") {
    const leaves = legacyReader.leaves(job);
    assert(leaves.length === leafCount, "fewer events than the tree has leaves");
    return moveNodes(buildLegacyTree(leaves).nodes, job.withStateRoot ? legacyReader.stateRoot(job) : null);
  }
  const builder = new MerkleTreeBuilder(job, job.sequenceStart, leafCount);
  reader.read(job, (records) => builder.add(records));
  return moveNodes(builder.finish().nodes, null);
}

function moveNodes(nodes: Uint8Array<ArrayBuffer>, stateRoot: Uint8Array | null): TaskResult {
  return { value: { nodes, stateRoot } satisfies BuiltNodes, transfer: [nodes.buffer] };
}

lowerThreadPriority(NICE_INCREMENT);
answerTasks(build);
