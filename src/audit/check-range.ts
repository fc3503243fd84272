/**
 * A range of offsets checked entry by entry, as an audit worker runs it on its own read-only connection. Entries below a
 * head that was read before never change, so the ranges need no common snapshot; no read transaction outlives a range.
 */
import type { Ed25519 } from "../protocol/ed25519.js";
import type { Connection } from "../store/sqlite/connection.js";
import { AuditFault, expectFact, type Finding } from "./audit-fault.js";
import { checkEntry, ENTRY_COLUMNS, type EntryRow } from "./check-entry.js";
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
  readonly streamRefs: Float64Array;
  readonly sequenceNumbers: Float64Array;
  readonly entityRefs: Float64Array;
  readonly sequencedAtMs: Float64Array;
  /** -1 = the event did not ask for one. */
  readonly baseVersions: Float64Array;
  readonly commands: number;
}

/** The only kind of entry this audit knows. */
const KIND_VES_EVENT = 0;

export class RangeChecker {
  readonly #references: References;
  readonly #ed25519: Ed25519 | null;
  readonly #scan;

  /** `ed25519` null = signatures are not checked. */
  constructor(db: Connection, ed25519: Ed25519 | null) {
    this.#references = new References(db);
    this.#ed25519 = ed25519;
    this.#scan = db
      .prepare(
        `SELECT ${ENTRY_COLUMNS} FROM entries e LEFT JOIN entities n ON n.ref = e.entity_ref
          WHERE e."offset" >= ? AND e."offset" < ? ORDER BY e."offset"`,
      )
      .raw();
  }

  check(range: Range): CheckedRange {
    const size = range.to - range.from;
    const columns = Array.from({ length: 5 }, () => new Float64Array(size));
    const [streamRefs, sequenceNumbers, entityRefs, sequencedAtMs, baseVersions] = columns as FiveColumns;
    let at = 0;
    let commands = 0;
    let finding: Finding | null = null;
    try {
      for (const row of this.#scan.iterate(range.from, range.to) as IterableIterator<EntryRow>) {
        const expected = range.from + at;
        expectFact(row[0] === expected, `there is no entry at this offset: the next one is ${row[0]}`);
        expectFact(row[1] === KIND_VES_EVENT, `the entry is of kind ${row[1]}, which this build does not know`);
        const envelope = checkEntry(row, this.#references, this.#ed25519);
        streamRefs[at] = row[2];
        sequenceNumbers[at] = row[3];
        entityRefs[at] = row[4];
        sequencedAtMs[at] = row[6];
        baseVersions[at] = envelope.baseVersion === null ? -1 : Number(envelope.baseVersion);
        if (envelope.commandId !== null) commands += 1;
        at += 1;
      }
      expectFact(at === size, "there is no entry at this offset, though the log goes on");
    } catch (error) {
      finding = { offset: range.from + at, message: messageOf(error) };
    }
    return {
      ...{ ...range, finding, commands },
      streamRefs: streamRefs.subarray(0, at),
      sequenceNumbers: sequenceNumbers.subarray(0, at),
      entityRefs: entityRefs.subarray(0, at),
      sequencedAtMs: sequencedAtMs.subarray(0, at),
      baseVersions: baseVersions.subarray(0, at),
    };
  }
}

type FiveColumns = [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];

/** A damaged file may make anything throw: whatever it is, the entry could not be read as a sound one. */
function messageOf(error: unknown): string {
  if (error instanceof AuditFault) return error.message;
  return `the entry cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
