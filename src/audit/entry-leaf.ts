/** An entry's leaf in the log's tree, from the bytes that were just judged. */

import { ENTRY_KINDS } from "../protocol/entry-kind.js";
import { leafRecord } from "../protocol/tlog-leaf.js";
import { leafHash } from "../protocol/tlog-tree.js";
import { type Entry, RECEIPT_SIGNATURE_BYTES } from "./entry-rows.js";
import type { SequencerRow } from "./references.js";

/** 32 bytes. */
export function entryLeaf(entry: Entry, receiptHash: Uint8Array, sequencer: SequencerRow): Uint8Array {
  const { row, bytes, envelope, envelopeEnd } = entry;
  const [offset, kind, , , , , sequencedAtMs] = row;
  const record = leafRecord({
    ...{ kind: ENTRY_KINDS[kind]!, offset, receiptHash, sequencedAtMs, sequencerId: sequencer.id },
    receiptSignature: bytes.subarray(envelope - RECEIPT_SIGNATURE_BYTES, envelope),
    event: bytes.subarray(envelope, envelopeEnd),
  });
  return leafHash(record);
}
