import { randomFillSync } from "node:crypto";
import type { Uuid, UuidSource } from "./ids.js";
import { ScratchBytes } from "./scratch-bytes.js";

const UUID_BYTES = 16;

/** Drawn at once: the system's price of a draw hardly depends on its size. */
const entropy = Buffer.alloc(128 * UUID_BYTES);
let used = entropy.length;

const id = Buffer.alloc(UUID_BYTES);
const text = new ScratchBytes();

/**
 * A fresh random UUIDv4 (RFC 9562 §5.4). Node's own is put together of twenty pieces: 490 bytes of garbage instead of 56, and
 * whoever reads it first pays for joining them.
 */
export const randomUuid: UuidSource = () => {
  if (used === entropy.length) {
    randomFillSync(entropy);
    used = 0;
  }
  entropy.copy(id, 0, used, used + UUID_BYTES);
  used += UUID_BYTES;
  id[6] = 0x40 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  return text.begin(0).uuid(id).toAscii() as Uuid;
};
