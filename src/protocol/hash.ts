/** What every hash of the protocol is, whatever it is of: 32 bytes of SHA-256. */
import { fromHex } from "../base/bytes.js";

export const HASH_BYTES = 32;

/** 32 bytes from the hex of a commitment, a proof or an event, without prefix (spec §1.2); null for anything else. */
export function readHash(value: unknown): Uint8Array | null {
  return typeof value === "string" && !value.startsWith("0x") ? fromHex(value, HASH_BYTES) : null;
}
