/**
 * Commitment to an amount (section 4.5): four field elements C. Binding, but invertible lane by lane (finding F2): whoever
 * sees a commitment can compute the amount. It is an identifier, never a secret.
 */
import { fromHex, toHex } from "../base/bytes.js";
import { isFieldElement } from "./field.js";
import type { Kernels } from "./kernels.js";
import { rescueHash } from "./rescue.js";

/** Sponge hash of the amount's eight 32-bit limbs. `amount` is a u64. */
export function commitAmount(kernels: Kernels, amount: bigint): bigint[] {
  return rescueHash(kernels, [amount & 0xffffffffn, amount >> 32n, 0n, 0n, 0n, 0n, 0n, 0n]);
}

/** 64 lower-case hex digits: four big-endian u64. */
export function commitmentToHex(commitment: readonly bigint[]): string {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (const [i, limb] of commitment.entries()) view.setBigUint64(8 * i, limb);
  return toHex(bytes);
}

/** The four limbs, or null unless the text is 64 hex digits (optional 0x) of canonical limbs. */
export function commitmentFromHex(text: string): bigint[] | null {
  const bytes = fromHex(text, 32);
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer);
  const limbs = [0, 8, 16, 24].map((at) => view.getBigUint64(at));
  return limbs.every(isFieldElement) ? limbs : null;
}
