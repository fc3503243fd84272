/** Merkle worker: reads the leaves of a range on its own read-only connection, builds the tree, moves it to the caller. */
import { move, workerData } from "piscina";
import type { TreeTask, TreeWorkerData } from "../src/commit/tree-builder.js";
import { MerkleTreeBuilder } from "../src/protocol/merkle-tree.js";
import { openReader } from "../src/store/sqlite/connection.js";
import { LeafReader } from "../src/store/sqlite/leaf-reader.js";

const reader = new LeafReader(openReader((workerData as TreeWorkerData).folder));

/** The tree's nodes; throws when an event of the range is missing, which callers have ruled out on rows. */
export default function build(task: TreeTask): unknown {
  const builder = new MerkleTreeBuilder(task, task.sequenceStart, task.sequenceEnd - task.sequenceStart + 1);
  reader.read(task, (records) => builder.add(records));
  return move(builder.finish().nodes);
}
