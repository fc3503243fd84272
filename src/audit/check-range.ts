/**
 * A range of offsets checked entry by entry, as an audit worker runs it on its own read-only connection. Entries below a
 * head that was read before never change, so the ranges need no common snapshot; no read transaction outlives a range.
 * Signatures of entries that were read together are checked together.
 */
import type { Ed25519 } from "../protocol/ed25519.js";
import { ENTRY_KINDS, type EntryKind } from "../protocol/entry-kind.js";
import type { Place } from "../store/recent-places.js";
import type { Connection } from "../store/sqlite/connection.js";
import { AuditFault, expectFact, type Finding } from "./audit-fault.js";
import { EntryChecker, type EntryClaims } from "./check-entry.js";
import { LegacyEntryChecker } from "./check-legacy-entry.js";
import { PlaceChecker } from "./check-places.js";
import { entryLeaf } from "./entry-leaf.js";
import { type Entry, type EntryRow, EntryRows, SIGNING_HASH_AT } from "./entry-rows.js";
import { EntrySignatures } from "./entry-signatures.js";
import { References } from "./references.js";

/** Offsets `from` <= o < `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What the order of entries is judged on, one element per entry. */
export interface CheckedRange extends Range {
  /** The first bad entry; the columns end before it. */
  readonly finding: Finding | null;
  /** As stored: index into ENTRY_KINDS. */
  readonly kinds: Float64Array;
  readonly streamRefs: Float64Array;
  readonly sequenceNumbers: Float64Array;
  readonly entityRefs: Float64Array;
  readonly sequencedAtMs: Float64Array;
  /** -1 = the event did not ask for one. */
  readonly baseVersions: Float64Array;
  /** By kind. */
  readonly commands: readonly number[];
  /** Entries of the range below it are found by their ids and numbers in the tables of places; the rest is recent. */
  readonly placedTo: number;
  /** 32 bytes per entry, its leaf in the log's tree; none when they were not asked for. */
  readonly leaves: Uint8Array;
}

export class RangeChecker {
  readonly #rows: EntryRows;
  readonly #places: PlaceChecker;
  readonly #signatures: EntrySignatures | null;
  readonly #references: References;
  readonly #checkers: Readonly<Record<EntryKind, Pick<EntryChecker, "check">>>;
  readonly #withLeaves: boolean;

  /** `ed25519` null = signatures are not checked. `withLeaves`: see `CheckedRange`. */
  constructor(db: Connection, ed25519: Ed25519 | null, withLeaves = false) {
    this.#rows = new EntryRows(db);
    this.#places = new PlaceChecker(db);
    const references = new References(db);
    this.#references = references;
    this.#signatures = ed25519 === null ? null : new EntrySignatures(ed25519);
    this.#checkers = {
      ves_event: new EntryChecker(references, this.#signatures),
      event: new LegacyEntryChecker(references, this.#signatures),
    };
    this.#withLeaves = withLeaves;
  }

  check(range: Range): CheckedRange {
    const columns = new RangeColumns(range);
    let finding: Finding | null = null;
    try {
      this.#places.begin();
      while (columns.next < range.to) this.#checkSlice(this.#rows.read(columns.next, range.to), columns);
    } catch (error) {
      finding = { offset: columns.next, message: messageOf(error) };
    }
    return columns.end(finding);
  }

  #checkSlice(entries: readonly Entry[], columns: RangeColumns): void {
    expectFact(entries.length > 0, "there is no entry at this offset, though the log goes on");
    const checked: CheckedEntry[] = [];
    let fault: unknown = null;
    try {
      for (const entry of entries) checked.push(this.#checkEntry(entry, columns.next + checked.length));
    } catch (error) {
      fault = error;
    }
    // Whatever ended the walk was met after every signature that was added: a forged one is the earlier fault.
    const forged = this.#signatures?.takeForged() ?? null;
    for (const entry of checked) {
      if (entry.row[0] === forged?.offset) break;
      columns.add(entry);
    }
    if (forged !== null) throw new AuditFault(forged.message);
    if (fault !== null) throw fault;
  }

  /** Everything but its signatures. */
  #checkEntry(entry: Entry, expected: number): CheckedEntry {
    const { row } = entry;
    const [offset, number] = row;
    if (offset !== expected) throw new AuditFault(`there is no entry at this offset: the next one is ${offset}`);
    const kind = ENTRY_KINDS[number];
    if (kind === undefined) throw new AuditFault(`the entry is of kind ${number}, which this build does not know`);
    const claims = this.#checkers[kind].check(entry);
    const isPlaced = this.#places.check(placeOf(entry));
    const leaf = this.#withLeaves ? entryLeaf(entry, claims.receiptHash, this.#references.sequencer(row[7])) : null;
    return { row, claims, isPlaced, leaf };
  }
}

interface CheckedEntry {
  readonly row: EntryRow;
  readonly claims: EntryClaims;
  /** See `PlaceChecker.check`. */
  readonly isPlaced: boolean;
  /** Null = not asked for. */
  readonly leaf: Uint8Array | null;
}

function placeOf({ row, bytes, start }: Entry): Place {
  const [offset, kind, streamRef, sequenceNumber] = row;
  return { offset, kind, streamRef, sequenceNumber, eventId: bytes.subarray(start, start + SIGNING_HASH_AT) };
}

class RangeColumns {
  readonly #kinds;
  readonly #streamRefs;
  readonly #sequenceNumbers;
  readonly #entityRefs;
  readonly #sequencedAtMs;
  readonly #baseVersions;
  readonly #leaves: Uint8Array[] = [];
  readonly #commands = ENTRY_KINDS.map(() => 0);
  #count = 0;
  #placedTo: number;

  constructor(readonly range: Range) {
    this.#placedTo = range.from;
    const size = range.to - range.from;
    this.#kinds = new Float64Array(size);
    this.#streamRefs = new Float64Array(size);
    this.#sequenceNumbers = new Float64Array(size);
    this.#entityRefs = new Float64Array(size);
    this.#sequencedAtMs = new Float64Array(size);
    this.#baseVersions = new Float64Array(size);
  }

  /** Offset of the entry that comes next. */
  get next(): number {
    return this.range.from + this.#count;
  }

  add({ row, claims, isPlaced, leaf }: CheckedEntry): void {
    if (isPlaced && this.#placedTo === this.next) this.#placedTo += 1;
    const at = this.#count++;
    this.#kinds[at] = row[1];
    this.#streamRefs[at] = row[2];
    this.#sequenceNumbers[at] = row[3];
    this.#entityRefs[at] = row[4];
    this.#sequencedAtMs[at] = row[6];
    this.#baseVersions[at] = claims.baseVersion;
    if (claims.hasCommand) this.#commands[row[1]]! += 1;
    if (leaf !== null) this.#leaves.push(leaf);
  }

  end(finding: Finding | null): CheckedRange {
    const count = this.#count;
    return {
      ...{ ...this.range, finding, commands: this.#commands, placedTo: this.#placedTo },
      kinds: this.#kinds.subarray(0, count),
      streamRefs: this.#streamRefs.subarray(0, count),
      sequenceNumbers: this.#sequenceNumbers.subarray(0, count),
      entityRefs: this.#entityRefs.subarray(0, count),
      sequencedAtMs: this.#sequencedAtMs.subarray(0, count),
      baseVersions: this.#baseVersions.subarray(0, count),
      leaves: Buffer.concat(this.#leaves),
    };
  }
}

/** A damaged file may make anything throw: whatever it is, the entry could not be read as a sound one. */
function messageOf(error: unknown): string {
  if (error instanceof AuditFault) return error.message;
  return `the entry cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
