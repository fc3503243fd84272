import type { Uuid } from "../base/ids.js";
import { PackReader, PackWriter } from "../base/pack.js";
import { ENTRY_KINDS, type LogEntry, type Page } from "./contract.js";

/** Whole entries, not their frames alone. */
export interface EntryPage extends Page {
  readonly entries: readonly LogEntry[];
}

/** A page for a hand-off between threads: one transferable buffer, frames included. */
export function packPage({ entries, nextOffset }: EntryPage): Uint8Array<ArrayBuffer> {
  let frameBytes = 0;
  for (const { frame } of entries) frameBytes += frame.length;
  const writer = new PackWriter(64 + frameBytes + entries.length * 256);
  writer.u53(nextOffset).u32(entries.length).u53(frameBytes);
  for (const entry of entries) {
    writer.u8(ENTRY_KINDS.indexOf(entry.kind)).u53(entry.offset).u53(entry.sequenceNumber);
    writer.text(entry.tenantId).text(entry.storeId);
    writer.text(entry.entityType).text(entry.entityId).bytes(entry.frame);
  }
  return writer.take();
}

/**
 * What `packPage` packed. Its entries are unpacked when somebody first looks at them, and then kept: of a busy log with few
 * subscribers most pages are held in memory and never looked at.
 */
export class PackedPage implements EntryPage {
  readonly nextOffset: number;
  readonly count: number;
  /** Of all frames. */
  readonly frameBytes: number;
  #packed: PackReader | null;
  #entries: readonly LogEntry[] = [];

  constructor(packed: Uint8Array) {
    const reader = new PackReader(packed);
    this.nextOffset = reader.u53();
    this.count = reader.u32();
    this.frameBytes = reader.u53();
    this.#packed = reader;
  }

  get entries(): readonly LogEntry[] {
    if (this.#packed !== null) {
      this.#entries = readEntries(this.#packed);
      this.#packed = null;
    }
    return this.#entries;
  }
}

function readEntries(reader: PackReader): LogEntry[] {
  const entries: LogEntry[] = [];
  while (!reader.done) {
    entries.push({
      kind: ENTRY_KINDS[reader.u8()]!,
      offset: reader.u53(),
      sequenceNumber: reader.u53(),
      tenantId: reader.text() as Uuid,
      storeId: reader.text() as Uuid,
      entityType: reader.text(),
      entityId: reader.text(),
      frame: reader.bytes(),
    });
  }
  return entries;
}
