/**
 * The entries held against a checkpoint that was kept elsewhere: the root over as many of them as it was signed over must be
 * the signed one. That covers what no receipt does, each entry's place, time and command id, to the byte.
 */
import { bytesEqual } from "../base/bytes.js";
import { HASH_BYTES } from "../protocol/hash.js";
import type { TreeHead } from "../protocol/tlog-proof.js";
import { TileTree } from "../protocol/tlog-tile-tree.js";
import type { Finding } from "./audit-fault.js";
import type { CheckedRange } from "./check-range.js";

export class TreeCheck {
  readonly #signed: TreeHead;
  /** Its root needs the unfinished tiles only. */
  readonly #tree = new TileTree(0, () => null);

  constructor(signed: TreeHead) {
    this.#signed = signed;
  }

  /** Takes ranges in order; what comes after the checkpoint's size is nothing to it. */
  take({ leaves }: CheckedRange): void {
    const count = Math.min(leaves.length / HASH_BYTES, this.#signed.size - this.#tree.size);
    for (let at = 0; at < count; at++) this.#tree.append(leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
    this.#tree.markSaved();
  }

  /** After the last range of a log that is as long as the checkpoint says. Null = it is what was signed. */
  finding(): Finding | null {
    const { size, root } = this.#signed;
    if (this.#tree.size === size && bytesEqual(this.#tree.root(), root)) return null;
    return { offset: null, message: `its first ${size} entries are not those that the checkpoint was signed over` };
  }
}
