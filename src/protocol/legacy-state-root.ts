import type { Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { runningSha256 } from "./sha256.js";

/** Hashed at a time. */
const PART_BYTES = 16 * 1024;

/** An entity's version counts its accepted events of both kinds. */
export interface EntityVersion {
  readonly entityType: string;
  readonly entityId: string;
  readonly version: number;
}

/**
 * State root of a legacy commitment (spec §9.4), 32 bytes: over the versions that a stream's entities have right after the
 * last event of the range, in the order of type and id as UTF-8. Names stand without lengths and versions little-endian, as
 * the original has it; the chain is `prev_state_root` alone. Memory does not grow with the entities.
 */
export function legacyStateRoot(tenantId: Uuid, storeId: Uuid, entities: Iterable<EntityVersion>): Uint8Array {
  const hash = runningSha256();
  const writer = new ByteWriter(PART_BYTES).uuid(tenantId).uuid(storeId);
  const version = new DataView(new ArrayBuffer(8));
  for (const entity of entities) {
    version.setBigUint64(0, BigInt(entity.version), true);
    writer.text(entity.entityType).text(entity.entityId).bytes(new Uint8Array(version.buffer));
    if (writer.length < PART_BYTES) continue;
    hash.update(writer.view());
    writer.reset();
  }
  hash.update(writer.view());
  return Uint8Array.from(hash.digest());
}
