/**
 * How far a subscription has received, and the rule that what it hands on is in order, each entry once: offsets only rise,
 * and without a filter they have no gap. A gap is settled by a page of the log, which shows what this credential may see.
 */
import type { LogEntry, LogIdentity, LogPage } from "./answers.js";

export class LogPosition {
  #log: LogIdentity | null;
  #nextOffset: number;
  #isContiguous: boolean;
  #isGapSuspected = false;
  #gaps = 0;

  constructor(fromOffset: number, log: LogIdentity | null, isContiguous: boolean) {
    this.#nextOffset = fromOffset;
    this.#log = log;
    this.#isContiguous = isContiguous;
  }

  /** Null until the first page. */
  get log(): LogIdentity | null {
    return this.#log;
  }

  /** Offset of the next entry wanted. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Times a socket left out entries that the log holds. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Takes the entries of a frame up to the first out of order. All of them were in order when it returns as many. */
  acceptFrame(entries: readonly LogEntry[]): readonly LogEntry[] {
    let accepted = 0;
    for (const { offset } of entries) {
      if (offset < this.#nextOffset) break;
      if (this.#isContiguous && offset > this.#nextOffset) {
        this.#isGapSuspected = true;
        break;
      }
      this.#nextOffset = offset + 1;
      accepted += 1;
    }
    return entries.slice(0, accepted);
  }

  /** Takes a page asked for at `nextOffset`. False when it cannot be one: out of order, or it ends before it starts. */
  acceptPage(page: LogPage): boolean {
    const firstOffset = page.entries[0]?.offset;
    let expected = this.#nextOffset;
    let hasHoles = false;
    for (const { offset } of page.entries) {
      if (offset < expected) return false;
      hasHoles ||= offset > expected;
      expected = offset + 1;
    }
    if (page.nextOffset < expected || page.headOffset < page.nextOffset) return false;
    if (this.#isGapSuspected && firstOffset === this.#nextOffset) this.#gaps += 1;
    this.#isGapSuspected = false;
    if (hasHoles || page.nextOffset > expected) this.#isContiguous = false;
    this.#log = { logId: page.logId, epoch: page.epoch };
    this.#nextOffset = page.nextOffset;
    return true;
  }
}
