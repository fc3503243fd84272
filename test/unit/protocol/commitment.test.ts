import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import {
  GENESIS_STATE_ROOT,
  readCommitment,
  type StateCommitment,
  verifyCommitment,
  verifyCommitmentChain,
} from "../../../src/protocol/commitment.js";
import { stateRoot, streamId } from "../../../src/protocol/state-root.js";
import { counting, golden, hex } from "./support.js";

const STREAM = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
};
const OTHER_STORE = "00000000-0000-0000-0000-000000000003" as Uuid;

const FIRST = commit(null, 1, 3, hex(golden["G1 root of 3 leaves"]!));
const SECOND = commit(FIRST, 4, 4, hex(golden["G1 leaf seq 4"]!));
const THIRD = commit(SECOND, 5, 2 ** 40, counting(32, 7), false);

function commit(
  previous: StateCommitment | null,
  sequenceStart: number,
  sequenceEnd: number,
  merkleRoot: Uint8Array,
  isHashed = true,
): StateCommitment {
  const prevStateRoot = previous?.newStateRoot ?? GENESIS_STATE_ROOT;
  const fields = { ...STREAM, prevStateRoot, merkleRoot, sequenceStart, sequenceEnd };
  return { ...fields, newStateRoot: isHashed ? stateRoot(fields) : GENESIS_STATE_ROOT };
}

describe("golden values", () => {
  test("stream ids and state roots", () => {
    expect(toHex(streamId(STREAM.tenantId, STREAM.storeId))).toBe(golden["G1 stream_id"]);
    expect(toHex(FIRST.newStateRoot)).toBe(golden["G1 state root batch 1 (1..3)"]);
    expect(toHex(SECOND.newStateRoot)).toBe(golden["G1 state root batch 2 (4..4, root = leaf)"]);
  });

  test("the original's own unit test (G0)", () => {
    const tenantId = "64527dd3-a654-4410-9327-e58a1492ce77" as Uuid;
    const storeId = "91def158-819a-4461-b5c9-7759750ad157" as Uuid;
    expect(toHex(streamId(tenantId, storeId))).toBe(golden["stream_id (same stream)"]);
    const root = stateRoot({
      tenantId,
      storeId,
      prevStateRoot: GENESIS_STATE_ROOT,
      merkleRoot: hex("abcdef0123456789".repeat(4)),
      sequenceStart: 1,
      sequenceEnd: 10,
    });
    expect(toHex(root)).toBe(golden["state root (same stream, prev 0, root abcdef01.., 1..10, 10)"]);
  });
});

describe("a chain", () => {
  test("holds from genesis, and from any commitment checked earlier", () => {
    expect(verifyCommitmentChain([])).toBeNull();
    expect(verifyCommitmentChain([FIRST, SECOND])).toBeNull();
    expect(verifyCommitmentChain([SECOND], FIRST)).toBeNull();
    expect(verifyCommitment(SECOND)).toBe(true);
  });

  const tampered = new Uint8Array(32).fill(1);
  test.each<[string, readonly StateCommitment[], { index: number; reason: string }]>([
    ["without its beginning", [SECOND], { index: 0, reason: "not_contiguous" }],
    ["with one twice", [FIRST, FIRST], { index: 1, reason: "not_contiguous" }],
    ["with a gap", [FIRST, { ...SECOND, sequenceStart: 5, sequenceEnd: 5 }], { index: 1, reason: "not_contiguous" }],
    ["with an overlap", [FIRST, { ...SECOND, sequenceStart: 3 }], { index: 1, reason: "not_contiguous" }],
    ["of two streams", [FIRST, { ...SECOND, storeId: OTHER_STORE }], { index: 1, reason: "other_stream" }],
    ["with another past", [FIRST, { ...SECOND, prevStateRoot: tampered }], { index: 1, reason: "prev_state_root" }],
    ["from another genesis", [{ ...FIRST, prevStateRoot: tampered }], { index: 0, reason: "prev_state_root" }],
    ["with another Merkle root", [FIRST, { ...SECOND, merkleRoot: tampered }], { index: 1, reason: "new_state_root" }],
    ["with another end", [{ ...FIRST, sequenceEnd: 4 }], { index: 0, reason: "new_state_root" }],
    ["with another state root", [{ ...FIRST, newStateRoot: tampered }], { index: 0, reason: "new_state_root" }],
    ["with a short hash", [{ ...FIRST, merkleRoot: counting(31) }], { index: 0, reason: "malformed" }],
    ["with a range that ends before it starts", [{ ...FIRST, sequenceEnd: 0 }], { index: 0, reason: "malformed" }],
    ["with more leaves than a u32 counts", [FIRST, SECOND, THIRD], { index: 2, reason: "malformed" }],
    ["with an id in another spelling", [{ ...FIRST, tenantId: "{}" as Uuid }], { index: 0, reason: "malformed" }],
  ])("%s is refused", (_name, chain, fault) => {
    expect(verifyCommitmentChain(chain)).toEqual(fault);
    expect(chain.every(verifyCommitment) && fault.reason === "new_state_root").toBe(false);
  });
});

describe("the wire form", () => {
  const json = {
    tenant_id: STREAM.tenantId,
    store_id: STREAM.storeId,
    sequence_start: 1,
    sequence_end: 3,
    leaf_count: 3,
    merkle_root: toHex(FIRST.merkleRoot),
    prev_state_root: toHex(FIRST.prevStateRoot),
    new_state_root: toHex(FIRST.newStateRoot),
    batch_id: "ignored here",
  };

  test("is read back", () => {
    expect(readCommitment(json)).toEqual(FIRST);
  });

  test.each(Object.keys(json).filter((name) => name !== "batch_id"))("is refused with an odd %s", (name) => {
    for (const value of [undefined, null, "x", {}, -1, 1.5, `0x${"00".repeat(32)}`]) {
      expect(readCommitment({ ...json, [name]: value })).toBeNull();
    }
  });

  test("is refused when the count is not the range's", () => {
    expect(readCommitment({ ...json, leaf_count: 4 })).toBeNull();
  });
});
