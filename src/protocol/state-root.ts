import type { StreamName, Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_STATE_ROOT, DOMAIN_STREAM } from "./domains.js";
import { sha256 } from "./sha256.js";

/**
 * The chain of commitments (spec §9.1): each new state root covers the one before it, the Merkle root and the range. It
 * holds no application state.
 */
export interface StateRootFields extends StreamName {
  /** 32 bytes; zero for the first commitment of a stream. */
  readonly prevStateRoot: Uint8Array;
  /** 32 bytes. */
  readonly merkleRoot: Uint8Array;
  readonly sequenceStart: number;
  /** Inclusive. */
  readonly sequenceEnd: number;
}

const writer = new ByteWriter(160);

/** `stream_id`, 32 bytes. */
export function streamId(tenantId: Uuid, storeId: Uuid): Uint8Array {
  writer.reset().ascii(DOMAIN_STREAM).uuid(tenantId).uuid(storeId);
  return sha256(writer.view());
}

/** `new_state_root`, 32 bytes over a 133-byte preimage. The leaf count in it is the length of the range. */
export function stateRoot(fields: StateRootFields): Uint8Array {
  const stream = streamId(fields.tenantId, fields.storeId);
  writer
    .reset()
    .ascii(DOMAIN_STATE_ROOT)
    .bytes(stream)
    .bytes(fields.prevStateRoot)
    .bytes(fields.merkleRoot)
    .u64(fields.sequenceStart)
    .u64(fields.sequenceEnd)
    .u32(fields.sequenceEnd - fields.sequenceStart + 1);
  return sha256(writer.view());
}
