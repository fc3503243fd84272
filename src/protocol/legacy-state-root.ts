import type { Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { sha256 } from "./sha256.js";

/** An entity's version counts its accepted events of both kinds. */
export interface EntityVersion {
  readonly entityType: string;
  readonly entityId: string;
  readonly version: number;
}

/**
 * State root of a legacy commitment (spec §9.4), 32 bytes: over the versions that a stream's entities have right after the
 * last event of the range, in the order of type and id as UTF-8. Names stand without lengths and versions little-endian, as
 * the original has it; the chain is `prev_state_root` alone.
 */
export function legacyStateRoot(tenantId: Uuid, storeId: Uuid, entities: Iterable<EntityVersion>): Uint8Array {
  const writer = new ByteWriter(4096).uuid(tenantId).uuid(storeId);
  const version = new DataView(new ArrayBuffer(8));
  for (const entity of entities) {
    version.setBigUint64(0, BigInt(entity.version), true);
    writer.text(entity.entityType).text(entity.entityId).bytes(new Uint8Array(version.buffer));
  }
  return sha256(writer.view());
}
