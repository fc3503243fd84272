import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { type Chunk, openChunk } from "../../../src/lane/chunk.js";
import { chunkQuery } from "../../../src/lane/chunk-query.js";
import { decideCommand } from "../../../src/lane/decide-command.js";
import { decideCommitment, judgeRange } from "../../../src/lane/decide-commitment.js";
import type { LaneCommand } from "../../../src/lane/lane-item.js";
import { GENESIS_STATE_ROOT, verifyCommitmentChain } from "../../../src/protocol/commitment.js";
import { streamKey } from "../../../src/store/chunk-key.js";
import type { Commitment } from "../../../src/store/commitment-contract.js";
import type { ApiKey, ChunkState } from "../../../src/store/contract.js";

const STREAM = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
};
const ROOT = new Uint8Array(32).fill(7);

function stored(sequenceStart: number, sequenceEnd: number): Commitment {
  return {
    ...STREAM,
    ...{ sequenceStart, sequenceEnd, merkleRoot: ROOT, prevStateRoot: GENESIS_STATE_ROOT, newStateRoot: ROOT },
    ...{ batchId: "00000000-0000-0000-0000-00000000000b" as Uuid, committedAtMs: 5, anchor: null },
  };
}

describe("judgeRange", () => {
  const last = stored(4, 6);
  const chain = { head: 9, last, sameStart: null };
  const fresh = { head: 9, last: null, sameStart: null };

  test.each([
    ["the first, from 1", { sequenceStart: 1, sequenceEnd: 9 }, fresh, "free"],
    ["the next", { sequenceStart: 7, sequenceEnd: 7 }, chain, "free"],
    ["up to the head", { sequenceStart: 7, sequenceEnd: 9 }, chain, "free"],
    ["the stored one again", { sequenceStart: 4, sequenceEnd: 6 }, { ...chain, sameStart: last }, "stored"],
    [
      "the stored start, another end",
      { sequenceStart: 4, sequenceEnd: 7 },
      { ...chain, sameStart: last },
      "ALREADY_EXISTS",
    ],
    [
      "the stored start, an earlier end",
      { sequenceStart: 4, sequenceEnd: 5 },
      { ...chain, sameStart: last },
      "ALREADY_EXISTS",
    ],
    ["a start that is covered", { sequenceStart: 5, sequenceEnd: 8 }, chain, "ALREADY_EXISTS"],
    ["a gap", { sequenceStart: 8, sequenceEnd: 9 }, chain, "SEQUENCE_GAP"],
    ["the first, from 2", { sequenceStart: 2, sequenceEnd: 3 }, fresh, "SEQUENCE_GAP"],
    ["beyond the head", { sequenceStart: 7, sequenceEnd: 10 }, chain, "SEQUENCE_GAP"],
    ["wholly beyond the head", { sequenceStart: 1, sequenceEnd: 1 }, { ...fresh, head: 0 }, "SEQUENCE_GAP"],
    ["from 0", { sequenceStart: 0, sequenceEnd: 3 }, fresh, "INVALID_FIELD_VALUE"],
    ["backwards", { sequenceStart: 7, sequenceEnd: 6 }, chain, "INVALID_FIELD_VALUE"],
    [
      "behind a commitment without state root",
      { sequenceStart: 7, sequenceEnd: 9 },
      { ...chain, last: { ...last, newStateRoot: GENESIS_STATE_ROOT } },
      "INVALID_STATE_TRANSITION",
    ],
  ])("%s", (_name, range, rows, expected) => {
    const verdict = judgeRange(range, rows);
    expect(verdict.kind === "refused" ? verdict.refusal.code : verdict.kind).toBe(expected);
  });
});

function emptyChunk(): Chunk {
  const state: ChunkState = {
    ...{ nextOffset: 9, lastSequencedAtMs: 0, events: new Map(), entities: new Map(), commands: new Set() },
    ...{ agentKeys: new Map(), highestKeyIds: new Map(), apiKeys: new Map() },
    ...{ lastCommitments: new Map(), commitments: new Map(), proofs: new Map(), proofSubjects: new Map() },
    streams: new Map([
      [streamKey(STREAM.tenantId, STREAM.storeId), { ref: 1, isChanged: false, ...STREAM, head: 9, legacyHead: 0 }],
    ]),
  };
  const sequencer = { sequencerId: STREAM.tenantId, publicKey: ROOT };
  return openChunk(state, { nowMs: 77, sequencer, sign: () => ROOT, keyEpoch: 0 });
}

test("an API key that was revoked while the tree was built commits nothing", () => {
  const by = "its hash";
  const range = { ...STREAM, sequenceStart: 1, sequenceEnd: 4, merkleRoot: ROOT };
  const batch = { series: "ves", stateRoot: null, batchId: "a" as Uuid } as const;
  const command: LaneCommand = { kind: "commit_range", requestId: 1, by, ...batch, ...range };
  // It is read with the chunk's rows, and judged by them.
  expect(chunkQuery([command], 0).apiKeyHashes).toEqual([by]);
  const chunk = emptyChunk();
  const key = { revokedAtMs: null } as ApiKey;
  chunk.state.apiKeys.set(by, { ...key, revokedAtMs: 5 });
  decideCommand(chunk, command);
  expect(chunk.answers).toEqual([{ requestId: 1, ok: false, code: "INVALID_API_KEY", message: "Invalid API key" }]);
  expect(chunk.writes.commitments).toEqual([]);
  chunk.state.apiKeys.set(by, key);
  decideCommand(chunk, command);
  expect(chunk.answers[1]).toMatchObject({ ok: true });
});

test("commitments of one chunk follow each other", () => {
  const chunk = emptyChunk();
  const commit = (sequenceStart: number, sequenceEnd: number, batchId: string) =>
    decideCommitment(chunk, {
      ...{ kind: "commit_range", requestId: 1, ...STREAM, sequenceStart, sequenceEnd, merkleRoot: ROOT },
      ...{ by: null, series: "ves", stateRoot: null, batchId: batchId as Uuid },
    });
  const first = commit(1, 4, "a") as Commitment;
  expect(first).toMatchObject({ batchId: "a", committedAtMs: 77, anchor: null });
  expect(commit(1, 4, "b")).toBe(first);
  expect(commit(1, 5, "c")).toMatchObject({ code: "ALREADY_EXISTS" });
  const second = commit(5, 9, "d") as Commitment;
  expect(toHex(second.prevStateRoot)).toBe(toHex(first.newStateRoot));
  expect(verifyCommitmentChain([first, second])).toBeNull();
  expect(chunk.writes.commitments.map(({ commitment }) => commitment.batchId)).toEqual(["a", "d"]);
});
