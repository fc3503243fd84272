import { assert } from "../base/assert.js";
import type { Uuid } from "../base/ids.js";
import { PackReader, PackWriter } from "../base/pack.js";
import { ENTRY_KINDS } from "../protocol/entry-kind.js";
import type { LogEntry, Page } from "./contract.js";
import type { PagePlace, PageRing } from "./page-ring.js";

/** Whole entries, not their frames alone. */
export interface EntryPage extends Page {
  readonly entries: readonly LogEntry[];
}

/** A page for a hand-off between threads: one transferable buffer, frames included. */
export function packPage(page: EntryPage): Uint8Array<ArrayBuffer> {
  return write(new PackWriter(packedBytesMax(page)), page).take();
}

/** The same in the ring, or in a buffer of its own where the ring has no room for it. */
export function packPageIn(ring: PageRing, page: EntryPage): PagePlace | Uint8Array<ArrayBuffer> {
  const room = ring.room(packedBytesMax(page));
  return room === null ? packPage(page) : ring.claim(write(PackWriter.in(room), page).length);
}

const PAGE_HEAD_BYTES = 12;
/** Of an entry: kind, offset, number, and the lengths of four texts and the frame. */
const ENTRY_HEAD_BYTES = 37;

/** What the writer may ask for: of a text, three bytes per unit. */
function packedBytesMax({ entries }: EntryPage): number {
  let bytes = PAGE_HEAD_BYTES;
  for (const { tenantId, storeId, entityType, entityId, frame } of entries) {
    const textUnits = tenantId.length + storeId.length + entityType.length + entityId.length;
    bytes += ENTRY_HEAD_BYTES + textUnits * 3 + frame.length;
  }
  return bytes;
}

function write(writer: PackWriter, { entries, nextOffset }: EntryPage): PackWriter {
  writer.u53(nextOffset).u32(entries.length);
  for (const entry of entries) {
    writer.u8(ENTRY_KINDS.indexOf(entry.kind)).u53(entry.offset).u53(entry.sequenceNumber);
    writer.text(entry.tenantId).text(entry.storeId);
    writer.text(entry.entityType).text(entry.entityId).bytes(entry.frame);
  }
  return writer;
}

/**
 * What `packPage` packed. Its entries are unpacked when somebody first looks at them, and then kept: of a busy log with few
 * subscribers most pages are held in memory and never looked at. Until then a page in the ring is no more than its place: there
 * are thousands of them.
 */
export class PackedPage implements EntryPage {
  readonly nextOffset: number;
  readonly count: number;
  /** Memory it occupies until it is released. */
  readonly bytes: number;
  readonly #packed: PagePlace | Uint8Array;
  /** Where its place is, null for a page in a buffer of its own. */
  readonly #ring: PageRing | null;
  #entries: readonly LogEntry[] | null = null;
  #isReleased = false;

  /** What `packPageIn` made of a page, when it arrived. */
  static from(ring: PageRing, packed: PagePlace | Uint8Array): PackedPage {
    return new PackedPage(packed, packed instanceof Uint8Array ? null : ring);
  }

  /** What `packPage` made of one; with a ring, where it is there. */
  constructor(packed: PagePlace | Uint8Array, ring: PageRing | null = null) {
    this.#packed = packed;
    this.#ring = ring;
    this.bytes = packed.length;
    const reader = this.#reader();
    this.nextOffset = reader.u53();
    this.count = reader.u32();
  }

  /** Their frames are views of the page: whoever keeps one beyond its release copies it. */
  get entries(): readonly LogEntry[] {
    // Its bytes may be another page's by now: that must fail, not be sent.
    assert(!this.#isReleased, "a page is looked at after it was released");
    this.#entries ??= readEntries(this.#reader());
    return this.#entries;
  }

  /** Says that nobody will look at it again: its place is the writer's. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#entries = null;
    this.#ring?.release(this.#packed as PagePlace);
  }

  #reader(): PackReader {
    return new PackReader(this.#packed instanceof Uint8Array ? this.#packed : this.#ring!.page(this.#packed));
  }
}

function readEntries(reader: PackReader): LogEntry[] {
  reader.raw(PAGE_HEAD_BYTES);
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
