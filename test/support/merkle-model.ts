/**
 * Leaves, trees and state roots written a second time, from the protocol's text alone (§8, §9.1) and on node:crypto: shares
 * no code with the service, so that both being wrong in the same way takes two mistakes.
 */
import { createHash } from "node:crypto";

export interface ModelStream {
  readonly tenantId: string;
  readonly storeId: string;
}

export function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function modelLeaf(
  stream: ModelStream,
  sequenceNumber: number,
  signingHash: Uint8Array,
  signature: Uint8Array,
): Buffer {
  return sha256("VES_LEAF_V1", id(stream.tenantId), id(stream.storeId), u64(sequenceNumber), signingHash, signature);
}

/** Levels, leaves first, padding hashed like everything else. The root is the last level's only node. */
export function modelTree(leaves: readonly Uint8Array[]): Buffer[][] {
  let level: Buffer[] = leaves.map((leaf) => Buffer.from(leaf));
  while ((level.length & (level.length - 1)) !== 0) level.push(sha256("VES_PAD_LEAF_V1"));
  const levels = [level];
  while (level.length > 1) {
    const children = level;
    level = Array.from({ length: children.length / 2 }, (_, i) =>
      sha256("VES_NODE_V1", children[2 * i]!, children[2 * i + 1]!),
    );
    levels.push(level);
  }
  return levels;
}

export function modelRoot(leaves: readonly Uint8Array[]): Buffer {
  return modelTree(leaves).at(-1)![0]!;
}

/** Where a path leads to. */
export function climb(leaf: Uint8Array, leafIndex: number, path: readonly Uint8Array[]): Buffer {
  let node: Buffer = Buffer.from(leaf);
  let index = leafIndex;
  for (const sibling of path) {
    node = index % 2 === 0 ? sha256("VES_NODE_V1", node, sibling) : sha256("VES_NODE_V1", sibling, node);
    index = Math.floor(index / 2);
  }
  return node;
}

export function modelStateRoot(
  stream: ModelStream,
  prevStateRoot: Uint8Array,
  merkleRoot: Uint8Array,
  sequenceStart: number,
  sequenceEnd: number,
): Buffer {
  const streamId = sha256("VES_STREAM_V1", id(stream.tenantId), id(stream.storeId));
  const leafCount = u64(sequenceEnd - sequenceStart + 1).subarray(4);
  const range = [u64(sequenceStart), u64(sequenceEnd), leafCount];
  return sha256("VES_STATE_ROOT_V1", streamId, prevStateRoot, merkleRoot, ...range);
}

function id(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
