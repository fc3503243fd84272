/** Commitments as any route shows them, and the checks of what each says about itself. */
import { parseUuid } from "../../base/ids.js";
import { integerAt, listAt, objectOf, textAt } from "../../client/answers.js";
import type { JsonObject } from "../../client/json-object.js";
import { readCommitment, type StateCommitment, verifyCommitment } from "../../protocol/commitment.js";
import { paddedLeafCount, treeDepth } from "../../protocol/merkle.js";
import { type Checklist, unless } from "./checklist.js";

export interface OfflineCommitment {
  readonly batchId: string;
  readonly sequenceStart: number;
  readonly sequenceEnd: number;
  readonly leafCount: number;
  readonly treeDepth: number;
  readonly paddedLeafCount: number;
  readonly vesVersion: number;
  /** Null when an id, a hash or the range is malformed. */
  readonly facts: StateCommitment | null;
}

const TEXTS = ["tenant_id", "store_id", "merkle_root", "prev_state_root", "new_state_root"];

/** Throws SequencerError for a member of the wrong type. */
export function readOfflineCommitment(value: unknown): OfflineCommitment {
  const json = objectOf(value);
  for (const name of TEXTS) textAt(json, name);
  const sequenceStart = integerAt(json, "sequence_start");
  const sequenceEnd = integerAt(json, "sequence_end");
  return {
    batchId: textAt(json, "batch_id"),
    sequenceStart,
    sequenceEnd,
    leafCount: integerAt(json, "leaf_count"),
    treeDepth: integerAt(json, "tree_depth"),
    paddedLeafCount: integerAt(json, "padded_leaf_count"),
    vesVersion: integerAt(json, "ves_version"),
    // The stated count is a check of its own, with a name of its own.
    facts: readCommitment({ ...json, leaf_count: sequenceEnd - sequenceStart + 1 }),
  };
}

/** One commitment, or a page of them. */
export function readOfflineCommitments(value: unknown): OfflineCommitment[] {
  const json: JsonObject = objectOf(value);
  if (json.commitments === undefined) return [readOfflineCommitment(json)];
  return listAt(json, "commitments").map(readOfflineCommitment);
}

/** Returns whether they are whole enough for every other check. */
export function checkEachCommitment(list: Checklist, commitments: readonly OfflineCommitment[]): boolean {
  if (!list.addEach("commitment form", commitments, nameOf, formFault)) return false;
  list.addEach("leaf count", commitments, nameOf, ({ leafCount, ...range }) =>
    unless(leafCount === lengthOf(range), `leaf_count is ${leafCount}`),
  );
  list.addEach("tree depth", commitments, nameOf, (commitment) => {
    const leaves = lengthOf(commitment);
    const isRight =
      commitment.treeDepth === treeDepth(leaves) && commitment.paddedLeafCount === paddedLeafCount(leaves);
    return unless(isRight, `depth ${commitment.treeDepth} and ${commitment.paddedLeafCount} padded leaves do not fit`);
  });
  list.addEach("state root", commitments, nameOf, ({ facts }) =>
    unless(verifyCommitment(facts!), "new_state_root does not follow from the other facts"),
  );
  return true;
}

export function nameOf({ sequenceStart, sequenceEnd }: OfflineCommitment): string {
  return `commitment ${sequenceStart} to ${sequenceEnd}`;
}

function formFault({ facts, batchId, vesVersion }: OfflineCommitment): string | null {
  if (facts === null) return "an id, a hash or the range is malformed";
  if (parseUuid(batchId) === null) return "batch_id is no UUID";
  return unless(vesVersion === 1, `ves_version is ${vesVersion}`);
}

function lengthOf({ sequenceStart, sequenceEnd }: Pick<OfflineCommitment, "sequenceStart" | "sequenceEnd">): number {
  return sequenceEnd - sequenceStart + 1;
}
