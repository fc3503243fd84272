/** Merkle worker: reads the leaves of a range on its own read-only connection, builds the tree, moves it to the caller. */
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { assert } from "../src/base/assert.js";
import type { TreeJob, TreeNodes, TreeWorkerData } from "../src/commit/tree-builder.js";
import { buildLegacyTree } from "../src/protocol/legacy-merkle.js";
import { MerkleTreeBuilder } from "../src/protocol/merkle-tree.js";
import { openReader } from "../src/store/sqlite/connection.js";
import { LeafReader } from "../src/store/sqlite/leaf-reader.js";
import { LegacyLeafReader } from "../src/store/sqlite/legacy-leaf-reader.js";

const db = openReader((workerData as TreeWorkerData).folder);
const reader = new LeafReader(db);
const legacyReader = new LegacyLeafReader(db);

/** The tree's nodes; throws when an event of the range is missing, which callers have ruled out on rows. */
export default function build(job: TreeJob): unknown {
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

function moveNodes(nodes: Uint8Array<ArrayBuffer>, stateRoot: Uint8Array | null): unknown {
  const built: TreeNodes = { nodes, stateRoot };
  return move({ [transferableSymbol]: [nodes.buffer], [valueSymbol]: built } as never);
}
