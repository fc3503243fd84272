/** What must hold of a stream's commitments, recomputed from its events as clients read them. */
import { strict as assert } from "node:assert";
import { signingFieldsOf } from "../../src/protocol/agent-event.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { eventSigningHash } from "../../src/protocol/event-signing.js";
import { type ModelStream, modelLeaf, modelRoot, modelStateRoot } from "./merkle-model.js";
import type { TestService } from "./service.js";

export interface CommitmentJson {
  readonly batch_id: string;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly leaf_count: number;
  readonly padded_leaf_count: number;
  readonly tree_depth: number;
  readonly merkle_root: string;
  readonly prev_state_root: string;
  readonly new_state_root: string;
  readonly sequence_start: number;
  readonly sequence_end: number;
}

/** The leaf of every event of the stream: `leaves[i]` has number i + 1. */
export async function streamLeaves(service: TestService, stream: ModelStream): Promise<Buffer[]> {
  const leaves: Buffer[] = [];
  for (;;) {
    const query = `${streamQuery(stream)}&from=${leaves.length + 1}&limit=1000`;
    const { events } = (await service.get(`/api/v1/ves/events?${query}`)).json as {
      events: { sequence_number: number; event: EventEnvelope }[];
    };
    if (events.length === 0) return leaves;
    for (const { sequence_number, event } of events) {
      assert.equal(sequence_number, leaves.length + 1);
      const signature = Buffer.from(event.agent_signature.slice(2), "hex");
      leaves.push(modelLeaf(stream, sequence_number, eventSigningHash(signingFieldsOf(event)!), signature));
    }
  }
}

export async function listCommitments(service: TestService, stream: ModelStream): Promise<CommitmentJson[]> {
  const found: CommitmentJson[] = [];
  for (;;) {
    const from = (found.at(-1)?.sequence_end ?? 0) + 1;
    const query = `${streamQuery(stream)}&status=all&limit=50&sequence_start=${from}`;
    const { commitments } = (await service.get(`/api/v1/ves/commitments?${query}`)).json as {
      commitments: CommitmentJson[];
    };
    if (commitments.length === 0) return found;
    found.push(...commitments);
  }
}

/** One chain from number 1 and the zero root, without a gap; every root recomputed from the events. Returns its length. */
export async function checkChain(service: TestService, stream: ModelStream): Promise<CommitmentJson[]> {
  const leaves = await streamLeaves(service, stream);
  const commitments = await listCommitments(service, stream);
  let end = 0;
  let stateRoot: Buffer = Buffer.alloc(32);
  for (const commitment of commitments) {
    const { sequence_start, sequence_end, leaf_count } = commitment;
    assert.deepEqual([commitment.tenant_id, commitment.store_id], [stream.tenantId, stream.storeId]);
    assert.equal(sequence_start, end + 1, "no gap, no overlap");
    assert.equal(leaf_count, sequence_end - sequence_start + 1);
    assert.equal(commitment.padded_leaf_count, 2 ** commitment.tree_depth);
    assert.ok(sequence_end <= leaves.length, "only events that are there");
    const merkleRoot = modelRoot(leaves.slice(sequence_start - 1, sequence_end));
    assert.equal(commitment.merkle_root, merkleRoot.toString("hex"));
    assert.equal(commitment.prev_state_root, stateRoot.toString("hex"));
    stateRoot = modelStateRoot(stream, stateRoot, merkleRoot, sequence_start, sequence_end);
    assert.equal(commitment.new_state_root, stateRoot.toString("hex"));
    end = sequence_end;
  }
  return commitments;
}

export function streamQuery({ tenantId, storeId }: ModelStream): string {
  return `tenant_id=${tenantId}&store_id=${storeId}`;
}
